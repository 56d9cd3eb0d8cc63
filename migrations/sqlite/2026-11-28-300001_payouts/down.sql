DROP TABLE bank_break_proposals;
DROP TABLE bank_breaks;
DROP TABLE payout_moves;
DROP TABLE bank_entries;
DROP TABLE bank_files;
DROP TABLE payouts;
