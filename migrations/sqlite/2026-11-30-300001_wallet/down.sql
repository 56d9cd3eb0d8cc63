DROP TABLE wallet_sessions;
DROP TABLE hand_overs;
