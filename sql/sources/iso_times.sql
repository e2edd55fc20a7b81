-- What a column of text is, if every value of it is ISO 8601: 'DATE', 'TIMESTAMP', 'TIMESTAMP WITH TIME ZONE', else null.
-- Inputs:  {column}, a quoted column of text. Output: one aggregate expression. Bound: none; raw rows, before there is time.
CASE
    WHEN count({column}) = 0 THEN NULL
    WHEN bool_and(regexp_full_match({column}, '\d{{4}}-\d{{2}}-\d{{2}}') AND try_cast({column} AS DATE) IS NOT NULL
        OR {column} IS NULL) THEN 'DATE'
    WHEN bool_and(regexp_full_match({column}, '\d{{4}}-\d{{2}}-\d{{2}}([T ]\d{{2}}:\d{{2}}(:\d{{2}}([.]\d+)?)?)?')
        AND try_cast({column} AS TIMESTAMP) IS NOT NULL OR {column} IS NULL) THEN 'TIMESTAMP'
    WHEN bool_and(
        regexp_full_match(
            {column}, '\d{{4}}-\d{{2}}-\d{{2}}([T ]\d{{2}}:\d{{2}}(:\d{{2}}([.]\d+)?)?(Z| ?[+-]\d{{2}}(:?\d{{2}})?)?)?')
        AND try_cast({column} AS TIMESTAMP WITH TIME ZONE) IS NOT NULL OR {column} IS NULL) THEN 'TIMESTAMP WITH TIME ZONE'
END
