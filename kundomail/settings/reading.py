"""Reading mail: what one mail may cost in the reading child process (see `forwarding.reading`)."""

from kundomail.settings.environment import env

# Processor seconds for one mail before the child is ended and the mail is read by its headers only.
READING_CPU_SECONDS: int = env.int("READING_CPU_SECONDS", default=5)
# Seconds on the clock for one mail; longer than the processor limit, because other work shares the machine.
READING_WALL_SECONDS: int = env.int("READING_WALL_SECONDS", default=30)
# Seconds on the clock for the first try; what takes longer is read anew beside other mail, with the limits above.
READING_HURRIED_SECONDS: float = env.float("READING_HURRIED_SECONDS", default=1.0)
# Address space of the reading child, in octets.
READING_MEMORY_OCTETS: int = env.int("READING_MEMORY_OCTETS", default=1024 * 1024 * 1024)
