DROP TABLE original_fetches;
