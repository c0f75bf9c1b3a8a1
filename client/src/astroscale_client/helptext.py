"""Help texts: prose flows to the terminal's width, indented lines stay as they are."""


def flow(text: str) -> str:
    """Join the lines of each paragraph; lines that begin with two blanks keep their own."""
    paragraphs = [paragraph.split("\n") for paragraph in text.strip("\n").split("\n\n")]
    return "\n\n".join(
        "\n".join(lines) if lines[0].startswith("  ") else " ".join(line.strip() for line in lines)
        for lines in paragraphs
    )
