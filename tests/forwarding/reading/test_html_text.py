"""HTML to text."""

import pytest

from forwarding.reading.html_text import html_to_text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>ett</p><p>två</p>", "ett\n\ntvå\n"),
        ("ett<br>två<br><br>tre", "ett\ntvå\n\ntre\n"),
        ("<div>ett</div><div>två</div>", "ett\ntvå\n"),
        ("<div>ett</div><div><br></div><div>två</div>", "ett\n\ntvå\n"),
        ("a\n  b <b>c</b>d", "a b cd\n"),
        ("<ul><li>ett</li><li>två</li></ul>", "* ett\n* två\n"),
        ("<ol><li>ett<li>två</ol>", "1. ett\n2. två\n"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc\n"),
        ("<blockquote type=cite>citat</blockquote>", "> citat\n"),
        ("<blockquote>a<blockquote>b</blockquote></blockquote>", "> a\n> >\n> > b\n"),
        ("<pre>a\n  b</pre>", "a\n  b\n"),
        ("&lt;a&gt; &aring; &#229; &nbsp;x", "<a> å å  x\n"),
        ("<style>p{}</style><script>x</script><title>t</title>a", "a\n"),
        ("a<!-- b -->c", "ac\n"),
        ("a<![if !mso]>b<![endif]>c", "abc\n"),
        ("1 < 2", "1 < 2\n"),
        ('<img src="x" alt="😀">', "😀\n"),
        ('<img src="x" alt="Logotype">a', "a\n"),
        ('<a title="a > b" href="x">länk</a>', "länk\n"),
        ("a<br", "a<br\n"),
        ("", ""),
    ],
)
def test_html_is_written_as_text(html: str, text: str) -> None:
    assert html_to_text(html).text == text


def test_unclosed_style_does_not_swallow_the_mail() -> None:
    assert "hej" in html_to_text("<style>p{} <p>hej</p>").text


def test_what_mail_programs_mark_as_quote_is_reported() -> None:
    result = html_to_text('Svar<div class="gmail_quote">Den 1 maj skrev Bo:<blockquote>fråga</blockquote></div>efter')
    (mark,) = result.marks
    assert mark.kind == "quoted"
    assert result.text[mark.start : mark.end].startswith("Den 1 maj skrev Bo:")
    assert "efter" not in result.text[mark.start : mark.end]


def test_an_indented_block_is_no_quote() -> None:
    assert html_to_text('<blockquote style="margin:0 0 0 40px;border:none">indraget</blockquote>').text == "indraget\n"
