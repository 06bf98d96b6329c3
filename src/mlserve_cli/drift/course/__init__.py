"""The current data in windows: when did what change?"""
