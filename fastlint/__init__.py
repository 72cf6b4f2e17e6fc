"""fastlint finds what makes a FastAPI application slow, and proves it with the path to the culprit."""

__version__ = "0.1.0"
