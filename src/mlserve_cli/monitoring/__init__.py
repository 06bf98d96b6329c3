"""What a deployed model does, measured."""
