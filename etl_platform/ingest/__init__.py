"""From files in a raw bucket to a batch to work on: landing, events, messages, pinning."""
