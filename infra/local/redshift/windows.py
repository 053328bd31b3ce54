"""Window functions that pass over nulls, as aggregates over a frame of known values.

https://docs.aws.amazon.com/redshift/latest/dg/c_Window_functions.html
"""

from typing import Final

from sqlglot import exp

from infra.local.redshift.errors import not_supported

_FIRST, _LAST = "redshift_first_known", "redshift_last_known"
_OVER_THEIR_FRAME: Final = {"first_value": _FIRST, "last_value": _LAST}
_BEFORE: Final = {"start": "UNBOUNDED", "start_side": "PRECEDING", "end_side": "PRECEDING"}
_BEHIND: Final = {"start_side": "FOLLOWING", "end": "UNBOUNDED", "end_side": "FOLLOWING"}
_ONE: Final = exp.Literal.number(1)


def translate_nulls(tree: exp.Expr) -> None:
    """Carry out IGNORE NULLS and take off RESPECT NULLS, in place."""
    for window in list(tree.find_all(exp.Window)):
        treatment = window.find(exp.IgnoreNulls, exp.RespectNulls)
        if treatment is None or treatment.find_ancestor(exp.Window) is not window:
            continue
        treatment.replace(treatment.this)
        if isinstance(treatment, exp.IgnoreNulls):
            _ignore(window)


def _ignore(window: exp.Window) -> None:
    call = window.this
    name, arguments = call.name.lower(), call.expressions
    if name in _OVER_THEIR_FRAME:
        window.set("this", exp.Anonymous(this=_OVER_THEIR_FRAME[name], expressions=arguments))
    elif name in ("lag", "lead") and (len(arguments) == 1 or arguments[1:] == [_ONE]):
        known = _LAST if name == "lag" else _FIRST
        border = (
            {"end": _ONE.copy(), **_BEFORE} if name == "lag" else {"start": _ONE.copy(), **_BEHIND}
        )
        window.set("this", exp.Anonymous(this=known, expressions=arguments[:1]))
        window.set("spec", exp.WindowSpec(kind="ROWS", **border))
    else:
        raise not_supported(f"IGNORE NULLS of {name} with these arguments is not served")
    if isinstance(window.parent, exp.Select) and window.arg_key == "expressions":
        window.replace(exp.alias_(window.copy(), name))
