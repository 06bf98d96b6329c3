"""Labels that clients send for predictions they got, and how good those predictions were.

`RECORDS/feedback.sqlite` has the recorded predictions whose requests have a name, the labels that
came for them, and the figures that each model was saved with.
"""
