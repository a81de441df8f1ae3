"""Reading mail and checking its signatures: what one mail may cost in a child process (see `forwarding.limited_child`)."""

from kundomail.settings.environment import env

# Processor seconds for one mail before the child is ended and the mail is read by its headers only, or is not verified.
READING_CPU_SECONDS: int = env.int("READING_CPU_SECONDS", default=5)
# Seconds on the clock for one mail; longer than the processor limit, because other work shares the machine.
READING_WALL_SECONDS: int = env.int("READING_WALL_SECONDS", default=30)
# Seconds on the clock for the first try; what takes longer is read anew beside other mail, with the limits above.
READING_HURRIED_SECONDS: float = env.float("READING_HURRIED_SECONDS", default=1.0)
# Address space of the child, in octets; the largest mail takes less than half of it.
READING_MEMORY_OCTETS: int = env.int("READING_MEMORY_OCTETS", default=512 * 1024 * 1024)
