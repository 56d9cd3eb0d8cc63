DROP TABLE flagged_payments;
