"""Reads C++ source just well enough to judge its layout: includes, plain code, function lengths.

No parser: comments and literals are blanked, then braces are counted. Line numbers stay those of
the file.
"""

import dataclasses
import re

_TOKEN = re.compile(
    r"""(?P<comment>//[^\n]*|/\*.*?\*/)
      |(?P<literal>(?:u8|[uUL])?R"(?P<delimiter>[^()\\\s]{0,16})\(.*?\)(?P=delimiter)"
                  |(?:u8|[uUL])?"(?:\\.|[^"\\\n])*"
                  |(?:u8|[uUL])?'(?:\\.|[^'\\\n])+')
      |(?P<word>[A-Za-z_]\w*)
      |(?P<number>\d(?:'?[\w.])*)
      |(?P<other>.)""",
    re.DOTALL | re.VERBOSE,
)
_DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", re.MULTILINE)
_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*[<"]([^>"\n]+)[>"]', re.MULTILINE)
_TYPE_OR_NAMESPACE = re.compile(
    r"^(?:inline\s+|export\s+|typedef\s+)*(?:namespace|class|struct|union|enum|extern)\b")
_ACCESS_LABEL = re.compile(r"^\s*(?:public|protected|private)\s*:$")
_CONSTRUCTOR_COLON = re.compile(r"\)[\w\s]*:(?!:)")
_AFTER_PARAMETERS = {"const", "noexcept", "override", "final", "mutable", "try"}


@dataclasses.dataclass(frozen=True)
class Function:
    """A function definition: the line its declaration begins on, and its length to the last brace."""
    name: str
    line: int
    lines: int


def _only_newlines(text):
    return "\n" * text.count("\n")


def without_comments(text):
    return _TOKEN.sub(
        lambda m: _only_newlines(m.group()) if m.group("comment") else m.group(), text)


def without_comments_and_literals(text):
    def replace(match):
        if match.group("comment"):
            return _only_newlines(match.group())
        if match.group("literal"):
            return '""' + _only_newlines(match.group())
        return match.group()
    return _TOKEN.sub(replace, text)


def includes(text):
    """Yields (line, path) of each #include."""
    code = without_comments(text)
    for match in _INCLUDE.finditer(code):
        yield code.count("\n", 0, match.start(1)) + 1, match.group(1)


def functions(text):
    """Returns the functions that `text` defines; lambdas and local classes count to theirs."""
    code = _DIRECTIVE.sub(lambda m: _only_newlines(m.group()), without_comments_and_literals(text))
    found = []
    open_braces = []  # "scope", "skip", or the (line, name) of a function, outermost first.
    statement = ""    # Code since the last ';' or brace, at this depth.
    line, statement_line, parentheses = 1, 1, 0
    for char in code:
        if char == "\n":
            line += 1
        if not statement.strip() and not char.isspace():
            statement, statement_line = "", line
        if char in "()":
            parentheses += 1 if char == "(" else -1
        if char == "{":
            kind = "skip"
            if parentheses == 0 and all(brace == "scope" for brace in open_braces):
                kind = _what_opens(statement, statement_line)
            open_braces.append(kind)
            if kind != "skip":
                statement, parentheses = "", 0
        elif char == "}" and open_braces:
            kind = open_braces.pop()
            if isinstance(kind, tuple):
                found.append(Function(kind[1], kind[0], line - kind[0] + 1))
            if kind == "skip":
                statement += "}"
            else:
                statement, parentheses = "", 0
        elif char == ";" and parentheses == 0 and not (open_braces and open_braces[-1] == "skip"):
            statement = ""
        elif not (open_braces and open_braces[-1] == "skip"):
            statement += char
            if char == ":" and _ACCESS_LABEL.match(statement):
                statement = ""
    return found


def _what_opens(statement, line):
    """What a '{' after `statement` at namespace or class level opens."""
    declaration = _without_template(statement.strip())
    if _TYPE_OR_NAMESPACE.match(declaration):
        return "scope"
    if "(" not in declaration or _is_initializer(declaration):
        return "skip"
    name = re.search(r"([\w:~]+|operator\s*\S+)\s*\(", declaration)
    return (line, name.group(1) if name else declaration)


def _is_initializer(declaration):
    """True for `int kTable[] = {` and for the `{` of a member in a constructor's initializer list."""
    first_parameter = declaration.find("(")
    before = declaration[:first_parameter]
    if "=" in before and "operator" not in before:
        return True
    if re.search(r"\)\s*=\s*$", declaration):
        return True
    if _CONSTRUCTOR_COLON.search(declaration):
        last_word = re.search(r"([\w>]+)$", declaration.rstrip())
        return bool(last_word) and last_word.group(1) not in _AFTER_PARAMETERS
    return False


def _without_template(declaration):
    """Drops leading `template <...>` prefixes, so that the declared thing comes first."""
    while declaration.startswith("template"):
        begin = declaration.find("<")
        if begin < 0:
            break
        depth = 0
        for end in range(begin, len(declaration)):
            depth += {"<": 1, ">": -1}.get(declaration[end], 0)
            if depth == 0:
                break
        declaration = declaration[end + 1:].lstrip()
    return declaration
