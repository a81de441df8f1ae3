"""The SMTP server: takes mail from the Internet and answers 250 only for what is committed.

The package knows nothing of Django or of a database. It asks a `Directory` who a recipient is and hands the finished
message to a `Spool` (both in `envelope`), so that the same server runs in tests, in benchmarks and in production.

    limits       every number, with its unit
    replies      every answer, word by word
    paths        the argument of MAIL and RCPT, taken apart (pure)
    forwarded    XFORWARD: whom a trusted server in front speaks for (pure)
    data         end of data and dot-unstuffing over chunk borders (pure)
    trace        Received headers counted (pure)
    body         the octets of one message, in memory or on disk
    reception    the DATA phase: memory, octets and speed bounded
    envelope     what is known about a message besides its octets, and the two seams
    door         connections and recipients counted over all processes
    watch        the one timer of a session
    service      what the sessions of a process share
    connection   one session: its way in, command loop, bounds and end
    commands     the SMTP commands
    server       one listening process and its drain
    processes    several of them on one port
    tls          the certificate, configured or self-made
"""
