"""The languages that clients speak: each turns bytes into a call and its result into bytes."""
