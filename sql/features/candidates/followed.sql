-- How many of the labels' rows a link's facts show within the label's own window.
-- In: facts; candidate_labels(entity, item, cutoff, last), times in microseconds.  Out: one row: n.
-- Time bound: labels are mature, so their windows end before the moment of the fit.
SELECT count(*) AS n
FROM candidate_labels l
WHERE EXISTS (FROM {facts} f WHERE f.entity = l.entity AND f.item = l.item AND f.time >= l.cutoff AND f.time <= l.last)
