"""Limits of reading one mail, each with its unit in its name."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What one mail may cost; beyond a limit content becomes an attachment, never an error.

    The defaults are the values of the product; `kundomail.settings.reading` may override them.
    """

    header_octets: int = 256 * 1024
    header_fields: int = 2_000
    header_value_octets: int = 64 * 1024
    mime_depth: int = 30
    mime_parts: int = 1_000
    boundary_candidates: int = 100_000
    addresses_per_header: int = 2_000
    reference_ids: int = 200
    message_id_octets: int = 998
    parameters_per_header: int = 200
    shown_text_octets: int = 1024 * 1024
    text_characters: int = 2 * 1024 * 1024
    filename_characters: int = 200
    detection_octets: int = 8 * 1024
    uuencoded_files: int = 100
    tnef_octets: int = 20 * 1024 * 1024
    rtf_octets: int = 2 * 1024 * 1024
    calendar_octets: int = 256 * 1024
    calendar_parts: int = 3
    quoting_lines: int = 20_000
