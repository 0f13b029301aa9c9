"""Templates become code."""

import jinja2

print(jinja2.Template("hi {{ name }}").render(name="x"))
