/* Chance for the demo shop: random numbers that are hashes.
inputs:  variable seed
outputs: macros unit (uniform in [0, 1)), normal, pick, product_at, supplier_of, is_bad
time:    is_bad is the one function of time: the latent quality of a supplier in a step

Every number is a hash of (purpose, a, b, seed), so what a row holds depends on its own ids alone: not on the number of threads,
nor on the order in which rows are made. The outer hash is needed: DuckDB joins the hashes of several arguments by xor.

A supplier's quality is drawn anew for every period of 10 steps (150 days); suppliers change period in 10 groups, one a step. A
quarter of each group is bad: those within 0.25 of a point that is drawn for the group and period, on a circle where the group's
suppliers are spread by the golden ratio (so that seeds differ in who is bad, and not in how many). Quality is in no column: what
shows it is what becomes of the lines bought from the supplier.
*/
CREATE MACRO unit(purpose, a, b) AS
    (hash(hash(a::BIGINT, b::BIGINT, purpose, getvariable('seed')::BIGINT)) >> 11) * 1.1102230246251565e-16;

CREATE MACRO normal(purpose, a, b) AS
    sqrt(-2e0 * ln(1e0 - unit(purpose || ' radius', a, b))) * cos(2e0 * pi() * unit(purpose || ' angle', a, b));

CREATE MACRO pick(choices, u) AS choices[1 + floor(u * len(choices))::INTEGER];

-- Products are dealt to the 24 categories in turn; u^1.5 makes the low ranks of a category popular.
CREATE MACRO product_at(category, u) AS
    category + 24 * floor(getvariable('products') // 24 * pow(u, 1.5e0))::INTEGER;

CREATE MACRO supplier_of(product) AS floor(unit('product supplier', product, 0) * getvariable('suppliers'))::INTEGER;

CREATE MACRO is_bad(supplier, step) AS
    (0.618034e0 * (supplier // 10) + unit('quality', supplier % 10, (step + supplier % 10) // 10)) % 1 < 0.25;
