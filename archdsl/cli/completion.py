"""Completion scripts for shells, from the signatures of the commands."""

from __future__ import annotations

from archdsl.errors import ArchError

_BASH = """_archdsl() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} options=""
    if [ "$COMP_CWORD" -eq 1 ]; then
        COMPREPLY=($(compgen -W "{commands} --help --version" -- "$word"))
        return
    fi
    case ${{COMP_WORDS[1]}} in
{cases}
    esac
    if [[ $word == -* ]]; then
        COMPREPLY=($(compgen -W "$options" -- "$word"))
    else
        COMPREPLY=($(compgen -W "$words" -- "$word") $(compgen -f -- "$word"))
    fi
}}
complete -o filenames -F _archdsl archdsl
"""


def script(shell: str) -> str:
    """The completion script of a shell.

    Raises:
        ArchError: there is none for it.
    """
    if shell not in ("bash", "zsh", "fish"):
        raise ArchError(f"there is no completion for `{shell[:40]}`" if shell else "`--completion` needs a shell",
                        help="bash, zsh and fish have one")  # fmt: skip
    from archdsl.cli.main import COMMANDS

    if shell == "fish":
        return _fish(COMMANDS)
    cases = "\n".join(
        f'        {name}) options="{" ".join(f for f, _ in _flags(name))}"; words="{" ".join(_words(name))}" ;;'
        for name in COMMANDS
    )
    bash = _BASH.format(commands=" ".join(COMMANDS), cases=cases)
    return bash if shell == "bash" else f"autoload -U +X bashcompinit && bashcompinit\n{bash}"


def _flags(name: str) -> list[tuple[str, str]]:
    from archdsl.cli.main import command
    from archdsl.cli.parser import params_of

    return [(f, p.meta.help) for p in params_of(command(name)) for f in p.meta.flags if f.startswith("--")]


def _words(name: str) -> list[str]:
    """What a command takes besides files."""
    if name == "explain":
        from archdsl.codes import CODES

        return list(CODES)
    if name == "words":
        from archdsl.registry import entries

        return sorted({e.name for e in entries()})
    return []


def _fish(commands: dict[str, str]) -> str:
    lines = []
    for name, help in commands.items():
        lines.append(f"complete -c archdsl -n __fish_use_subcommand -f -a {name} -d {_quoted(help)}")
        seen = f"'__fish_seen_subcommand_from {name}'"
        lines += [f"complete -c archdsl -n {seen} -l {f[2:]} -d {_quoted(h)}" for f, h in _flags(name)]
        if words := _words(name):
            lines.append(f"complete -c archdsl -n {seen} -f -a {_quoted(' '.join(words))}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
