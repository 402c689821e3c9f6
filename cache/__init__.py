"""A content-addressed store of requests and answers; knows nothing of architecture search."""
