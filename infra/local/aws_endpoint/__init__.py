"""The AWS endpoint of the laptop: MiniStack, with those of its answers put right that mislead."""
