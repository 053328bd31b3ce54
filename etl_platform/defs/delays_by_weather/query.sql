SELECT
    date_trunc('hour', f.time_hour) AS time_hour,
    f.carrier,
    a.name AS airline,
    CASE
        WHEN w.origin IS NULL THEN 'unknown'
        WHEN w.precip > 0 THEN 'wet'
        WHEN w.wind_speed >= 20 THEN 'windy'
        ELSE 'calm'
    END AS weather,
    count(*) AS flights,
    sum(CASE WHEN f.dep_time IS NULL THEN 1 ELSE 0 END) AS cancelled,
    sum(CASE WHEN f.dep_delay > 15 THEN 1 ELSE 0 END) AS late,
    sum(f.dep_delay) AS minutes_late
FROM {flights} AS f
LEFT JOIN {weather} AS w ON w.origin = f.origin AND w.time_hour = f.time_hour
LEFT JOIN {airlines} AS a ON a.carrier = f.carrier
GROUP BY 1, 2, 3, 4
