"""Sphinx extension that renders formulas as MathML at build time, without scripts or a network."""

import re

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml


def convert(tex, as_block):
    # docutils supports \bigl but not \big.
    tex = re.sub(r"\\(big|Big|bigg|Bigg)(?![A-Za-z])", r"\\\1l", tex)
    mathml = tex2mathml(tex, as_block=as_block)
    # Bars are ordinary symbols in TeX; MathML stretches them and adds wide spaces.
    mathml = mathml.replace("<mo>‖</mo>", '<mo stretchy="false">‖</mo>')
    space = 'lspace="0.06em" rspace="0.06em"'
    mathml = re.sub(r"<mo([^>]*)>([|‖])</mo>", rf"<mo\1 {space}>\2</mo>", mathml)
    # TeX puts thin spaces around the name of a function.
    thin = '<mspace width="0.167em"/>'
    name = r"<mi>(?:ln|log|exp)</mi>"
    mathml = re.sub(rf"<msub>\s*{name}\s*<mn>\d+</mn>\s*</msub>|{name}", rf"{thin}\g<0>", mathml)
    mathml = re.sub(rf"(<msub>\s*{name}.*?</msub>)", rf"\1{thin}", mathml, flags=re.DOTALL)
    mathml = re.sub(r"(&ApplyFunction;</mo>)(?!\s*<mo)", rf"\1{thin}", mathml)
    # docutils sets the subscript of a letter with an accent below the letter.
    mathml = re.sub(
        r"<munderover>\s*(<mi>\w</mi>)\s*(<mi>\w</mi>)\s*(<mo[^>]*>[ˉˆ]</mo>)\s*</munderover>",
        r'<msub><mover accent="true">\1\3</mover>\2</msub>',
        mathml,
    )
    # A delimiter with an exponent has the given size only within an mrow.
    return re.sub(r"(<mo [^>]*minsize.*?</mo>)", r"<mrow>\1</mrow>", mathml)


def attach_punctuation(app, doctree, docname):
    """Move punctuation after a formula into it, because browsers break lines between the two."""
    for node in list(doctree.findall(nodes.math)):
        following = node.next_node(nodes.Text, descend=False, siblings=True)
        if following is not None and following is node.next_node(descend=False, siblings=True):
            text = following.astext()
            node["after"] = re.match("[,.;:)]*", text)[0]
            following.parent.replace(following, nodes.Text(text[len(node["after"]) :]))


def visit_math(self, node):
    formula = convert(node.astext(), as_block=False) + node.get("after", "")
    self.body.append(f'<span class="math">{formula}</span>')
    raise nodes.SkipNode


def visit_math_block(self, node):
    self.body.append(f'<div class="math">{convert(node.astext(), as_block=True)}</div>')
    raise nodes.SkipNode


def setup(app):
    app.connect("doctree-resolved", attach_punctuation)
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_math_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
