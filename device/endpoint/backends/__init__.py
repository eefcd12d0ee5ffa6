"""Where answers come from: ``builtin`` (no model), ``openai`` (any OpenAI-compatible server)."""
