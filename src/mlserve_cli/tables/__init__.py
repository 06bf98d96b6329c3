"""Tables read and written as streams of batches."""
