/* One step ends: what customers went through changes how they will act in the next.
inputs:  variables step, step_end; tables mood, delivery, complaint
outputs: table mood as of step_end; delivery without what has settled
time:    reads only what settled, or was opened, before step_end

    grief'    = 0.75 * grief + bad lines settled in the step + 1.5 * tickets that were not solved on the first day
    fading    begins with chance 0.02 + 0.05 * grief', at most 0.7, and ends with chance 0.08
    interest' = 0.6 * interest while fading, else 1.5 * interest, at most 1
So a customer who leaves does it by growing gaps, and what starts it is mostly what they bought, and from which supplier: it is the
supplier's period that hurts, whether or not this customer returned or rated the line.
*/
CREATE OR REPLACE TABLE mood AS
WITH hurt AS (
    SELECT customer, count(*) FILTER (bad) AS bad_lines FROM delivery WHERE settled_at < getvariable('step_end') GROUP BY customer
), unsolved AS (
    SELECT customer, count(*) AS tickets FROM complaint WHERE NOT solved GROUP BY customer
), grieved AS (
    SELECT m.customer, m.interest, m.fading,
        0.75 * m.grief + coalesce(h.bad_lines, 0) + 1.5 * coalesce(u.tickets, 0) AS grief,
        unit('fading', m.customer, getvariable('step')) AS u
    FROM mood m LEFT JOIN hurt h USING (customer) LEFT JOIN unsolved u USING (customer)
), turned AS (
    SELECT customer, interest, grief,
        CASE WHEN fading THEN u >= 0.08 ELSE u < least(0.7e0, 0.02 + 0.05 * grief) END AS fading
    FROM grieved
)
SELECT customer, CASE WHEN fading THEN 0.6 * interest ELSE least(1e0, 1.5 * interest) END AS interest, fading, grief
FROM turned
ORDER BY customer;

DELETE FROM delivery WHERE settled_at < getvariable('step_end');
