/* The support tickets of one step: some deliveries give cause to complain.
inputs:  variables step_end, tickets_before; table delivery
outputs: table complaint (latent, with the customer), rows appended to support_tickets, in order of time
time:    about what settles before step_end; opened_at is in [settled_at, step_end), at most 2 days after settling

A line from a supplier in a bad period brings a ticket with chance 0.09, another with 0.015; 70 % are solved on the first day.
Dirt: 20 % of the tickets name no order, 0.7 % one that does not exist; 40 % name no product, 4 % have no message.
*/
CREATE OR REPLACE TABLE complaint AS
SELECT getvariable('tickets_before') + row_number() OVER (ORDER BY opened_at, order_id, line) AS ticket_id, *,
    unit('solved', order_id, line) < 0.7 AS solved,
    CASE WHEN bad AND unit('topic', order_id, line) < 0.6 THEN pick(['quality', 'return'], unit('topic', order_id, -line))
        ELSE pick(['delivery', 'delivery', 'invoice', 'return', 'account', 'other'], unit('topic', order_id, -line)) END AS topic
FROM (
    SELECT *, date_trunc('second', settled_at + (least(settled_at + INTERVAL 2 DAY, getvariable('step_end')) - settled_at)
            * unit('ticket time', order_id, line)) AS opened_at
    FROM delivery
    WHERE settled_at < getvariable('step_end') AND unit('ticket', order_id, line) < CASE WHEN bad THEN 0.09 ELSE 0.015 END
)
ORDER BY ticket_id;

INSERT INTO support_tickets
SELECT ticket_id, format('C{:08d}', customer),
    CASE WHEN unit('ticket order', ticket_id, 0) < 0.007 THEN order_id + 1000000000000
        WHEN unit('ticket order', ticket_id, 0) < 0.8 THEN order_id END,
    CASE WHEN unit('ticket product', ticket_id, 0) < 0.6 THEN product END,
    opened_at, topic,
    1 + floor(3 * unit('priority', ticket_id, 0)),
    solved,
    CASE WHEN unit('message', ticket_id, 0) >= 0.04 THEN
        pick(['Hello, ', 'Hi, ', '', 'Good morning, ', 'Again: '], unit('message', ticket_id, 1))
        || CASE topic
            WHEN 'quality' THEN pick(['it broke on the second day', 'the seam came apart', 'not what the picture shows'],
                unit('message', ticket_id, 2))
            WHEN 'return' THEN pick(['I want to send it back', 'where do I return this', 'no refund has come yet'],
                unit('message', ticket_id, 2))
            WHEN 'delivery' THEN pick(['the parcel is late', 'the box was open', 'left with a neighbour I do not know'],
                unit('message', ticket_id, 2))
            ELSE pick(['please correct my invoice', 'I cannot sign in', 'a question about my order'],
                unit('message', ticket_id, 2)) END
        || pick(['.', '!', ', please help.', ', thanks.', ', I am quite annoyed.'], unit('message', ticket_id, 3)) END
FROM complaint
ORDER BY ticket_id;
