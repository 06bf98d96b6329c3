"""Files scored in bounded memory."""
