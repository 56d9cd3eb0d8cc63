DROP TABLE behaviour_evaluations;
DROP TABLE customer_contacts;
