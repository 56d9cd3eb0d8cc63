DROP TABLE entries;
DROP TABLE transactions;
DROP TABLE accounts;
DROP TABLE events;
DROP TABLE members;
DROP TABLE customers;
