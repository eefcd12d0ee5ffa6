"""The physics of the simulated room: image sources, convolution in blocks, an imperfect loudspeaker.

Pure signal processing in numpy, no clock and no state of the device; put together by ``backends/room.py``.
"""
