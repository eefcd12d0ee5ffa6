"""Runs in the container: waits for the retained message of one topic and prints it.  retained.py TOPIC [SECONDS]"""

import sys
import threading

import paho.mqtt.client as paho

came = threading.Event()
client = paho.Client(paho.CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
payload = b""


def on_message(client, userdata, message):
    global payload
    payload = message.payload
    came.set()


client.on_message = on_message
client.on_connect = lambda *arguments: client.subscribe(sys.argv[1], 1)
client.connect("127.0.0.1", 1883)
client.loop_start()
there = came.wait(float(sys.argv[2]) if len(sys.argv) > 2 else 10)
print(payload.decode())
sys.exit(not there)
