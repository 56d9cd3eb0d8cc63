-- Whether the bank said of a payout that it was carried out is asked with each of its later answers.
CREATE INDEX bank_entries_of_payout ON bank_entries (payout, status) WHERE status IS NOT NULL;
