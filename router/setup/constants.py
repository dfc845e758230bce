"""Numbers and addresses of the first minute."""

# Where local servers listen unless they are told otherwise, by their own documents.
USUAL_URLS = (
    "http://127.0.0.1:11434",  # Ollama
    "http://127.0.0.1:1234",  # LM Studio
    "http://127.0.0.1:8080",  # llama.cpp
    "http://127.0.0.1:8000",  # vLLM
)
OWNER_ONLY = 0o600  # who may read the file with the key
FIRST_QUESTION = "Why is the sky blue? Answer in one sentence."
