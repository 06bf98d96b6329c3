"""`/dashboard`: one page that shows what a server is doing, and the data that feeds it."""
