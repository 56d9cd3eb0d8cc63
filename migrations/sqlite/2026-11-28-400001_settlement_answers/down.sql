DROP TABLE settlement_answers;
