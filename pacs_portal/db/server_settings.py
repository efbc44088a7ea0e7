"""How the embedded server is configured, whatever its postgresql.conf says."""

SERVER_SETTINGS = {
    # What is acknowledged is on the disk.
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    # A laptop with two cores and an SSD, and bulk seeding without a checkpoint storm.
    "max_connections": "100",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "effective_io_concurrency": "64",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # No patient data in the log: no statements, no DETAIL lines (they quote keys and rows), and
    # no errors of statements at all (their text quotes values; the client has them anyway).
    "log_statement": "none",
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
}
