"""What methods, search spaces and tables have to hold, for this project and for one's own."""
