-- The program that holds, for all VTN processes: of the process that was started last with another one.
CREATE TABLE program_profile (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    content jsonb NOT NULL,
    applied_at timestamptz NOT NULL
);
