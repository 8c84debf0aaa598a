"""Who a student learns from: the built-in teacher of the drawn world, and any model on Ollama."""
