"""Hostile texts: what people, files and telephone exchanges may send."""

from __future__ import annotations

from hypothesis import strategies as st

HOSTILE = (
    "Robert'); DROP TABLE contacts;--",
    '"quoted", `ticked` \\ ${EVAL(1)} %s %(x)s :name {0}',
    "ООО «Ромашка & Ко» <b>%_</b>",
    "\u202eevil\u202c שלום العربية",
    "👩‍👩‍👧‍👦 é е́ ﬁ İ ß",
    "=1+1",
    "\ufeffBOM \u2028 \ufffd \U0010ffff",
)

printable = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=60)
anything = st.text(st.characters(exclude_categories=[]), max_size=60)  # NUL and halves of surrogate pairs too
e164 = st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True)
