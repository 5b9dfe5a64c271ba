"""``archdsl diff``: specs, runs and versions in git."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from archdsl import load
from tests.cli.conftest import Run
from tests.cli.folders import finished, made
from tests.conftest import REPO

GIVEN = ("--input", "3x16x16", "--classes", "10")
A = "conv(8) bn relu conv(16) relu gap linear(10)"
B = "stem: conv(8) bn relu conv(16, 5) relu drop(0.3) gap linear(10)"


def git(folder: Path, *args: str) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false", "-c", "core.hooksPath=/dev/null")
    subprocess.run(("git", *who, *args), cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repo_root(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the repository's folder, where shipped specs have short names."""
    monkeypatch.chdir(REPO)


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """A repository with two versions of a spec that includes another one."""
    git(tmp_path, "init", "-q", "-b", "main")
    (tmp_path / "nets" / "lib").mkdir(parents=True)
    (tmp_path / "nets" / "lib" / "blocks.arch").write_text("let unit(c) = conv(c) relu\n")
    (tmp_path / "nets" / "a.arch").write_text(
        'include "lib/blocks.arch"\ninput 3x8x8\nclasses 10\nnet unit(8) gap linear(10)\n'
    )
    (tmp_path / "nets" / "plain.arch").write_text("input 3x8x8\nclasses 10\nnet conv(8) gap linear(10)\n")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-q", "-m", "first")
    (tmp_path / "nets" / "lib" / "blocks.arch").write_text("let unit(c) = conv(c, 5) relu\n")
    (tmp_path / "nets" / "plain.arch").write_text("input 3x8x8\nclasses 10\nnet conv(8) relu gap linear(10)\n")
    git(tmp_path, "commit", "-q", "-a", "-m", "second")
    return tmp_path


@pytest.mark.parametrize("format", ["text", "md", "json"])
@pytest.mark.parametrize(
    "pair", [("resnet20", "resnet56"), ("resnet20", "preresnet20"), ("vgg", "vgg-res")], ids="-".join
)
def test_shipped_nets(
    run: Run, repo_root: None, golden: Callable[[str, str], None], pair: tuple[str, str], format: str
) -> None:
    done = run("diff", *pair, "--format", format)
    assert (done.code, done.err) == (0, "")
    golden(f"diff-{'-'.join(pair)}.{format}", done.out)


def test_the_figures_add_up(run: Run) -> None:
    found = json.loads(run("diff", A, B, *GIVEN, "--format", "json").out)
    a, b = (load(x, input="3x16x16", classes=10).cost for x in (A, B))
    assert found["figures"]["params"] == {"a": a.params, "b": b.params, "delta": b.params - a.params}
    assert sum(c["params"] for c in found["changes"]) == b.params - a.params
    assert sum(c["macs"] for c in found["changes"]) == b.macs - a.macs
    assert [(c["status"], c["path"]) for c in found["changes"]] == [
        ("renamed", "stem"),
        ("changed", "conv"),
        ("added", "drop"),
    ]
    assert not found["same"]


def test_exit_codes(run: Run) -> None:
    assert run("diff", A, B, *GIVEN).code == 0
    assert run("diff", A, B, *GIVEN, "--exit-code").code == 3
    same = run("diff", A, "conv(8, 3) bn relu  conv(16) relu gap linear(10)", *GIVEN, "--exit-code")
    assert same.code == 0
    assert "are the same experiment" in same.out
    assert run("diff", A, A, *GIVEN, "--format", "json").out.startswith('{\n  "same": true')


def test_one_network_written_in_two_ways_has_no_changes(run: Run) -> None:
    vgg, net = "vgg[8x2, 16] gap linear(10)", "(conv(8) relu)*2 maxpool conv(16) relu maxpool gap linear(10)"
    done = run("diff", vgg, net, *GIVEN, "--full")
    assert "are the same experiment" in done.out
    assert "structure" not in done.out
    text = "data fashion-mini\ntrain adam epochs({})"
    found = [f"net {one}\n{text.format(n)}" for one, n in ((vgg, 3), (net, 4))]
    same = json.loads(run("diff", *found, "--format", "json").out)
    assert not same["same"]
    assert same["changes"] == []


def test_a_network_alone_has_no_settings(run: Run, repo_root: None) -> None:
    out = run("diff", "lenet5", "lenet[6(p=2), 16] flatten linear(10)", "--input", "1x28x28", "--classes", "10").out
    assert "B has a network only: settings are not compared" in out
    assert "train.epochs" not in out


def test_settings_and_another_data_set(run: Run) -> None:
    net = f"net {A}\ndata fashion-mini flip\ntrain adam(1e-3) epochs(3)\n"
    Path("a.arch").write_text(net)
    Path("b.arch").write_text(net.replace("flip", "flip crop(2)").replace("epochs(3)", "epochs(5) cosine"))
    found = json.loads(run("diff", "a.arch", "b.arch", "--format", "json").out)
    rows = {s["setting"]: (s["a"], s["b"]) for s in found["settings"]}
    assert rows["train.epochs"] == (3, 5)
    assert len(rows["data.augment"][1]) == 2
    assert not found["changes"]


def test_runs_and_their_accuracy(run: Run, tmp_path: Path) -> None:
    for name, net, accuracy in (("one", A, 0.70), ("other", B, 0.90)):
        folder = made(tmp_path / "runs", name, result=finished(accuracy))
        (folder / "spec.arch").write_text(f"net {net}\ndata fashion-mini\n")
    found = run("diff", "runs/one", "runs/other").out
    assert "test accuracy" in found
    row = next(line for line in found.splitlines() if line.startswith("test accuracy"))
    assert row.split("  ")[-1] == "+20.00 points"
    assert "70.00 % (1 run)" in row
    assert "90.00 % (1 run)" in row


def test_runs_are_found_by_their_hash(run: Run, tmp_path: Path) -> None:
    Path("a.arch").write_text(f"net {A}\ndata fashion-mini\n")
    Path("b.arch").write_text(f"net {B}\ndata fashion-mini\n")
    for name, accuracy in (("one", 0.70), ("two", 0.80)):
        made(tmp_path / "elsewhere", name, result=finished(accuracy), hash=load("a.arch").hash)
    made(tmp_path / "elsewhere", "cut", hash=load("a.arch").hash)
    found = run("diff", "a.arch", "b.arch", "--runs", "elsewhere").out
    assert "75.00 ± 7.07 % (2 runs)" in found


class TestGit:
    def test_a_version_by_its_name(self, run: Run, repo: Path) -> None:
        found = json.loads(run("diff", "HEAD~1:nets/plain.arch", "nets/plain.arch", "--format", "json").out)
        assert [(c["status"], c["after"]) for c in found["changes"]] == [("added", "relu")]
        assert found["a"]["name"] == "HEAD~1:nets/plain.arch"

    def test_a_file_and_a_revision(self, run: Run, repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(repo / "nets")
        for path in ("plain.arch", str(repo / "nets" / "plain.arch"), "../nets/plain.arch"):
            assert "relu" in run("diff", "--git", "main~1", path).out
        assert "the same experiment" in run("diff", "--git", "HEAD", "plain.arch").out

    def test_a_shipped_spec_outside_of_the_repository(self, run: Run, repo: Path) -> None:
        done = run("diff", "--git", "HEAD", "lenet5")
        assert done.code == 2
        assert "lenet5.arch is not in this repository" in done.err

    def test_what_is_included_comes_from_the_same_version(self, run: Run, repo: Path) -> None:
        found = json.loads(run("diff", "HEAD~1:nets/a.arch", "HEAD:nets/a.arch", "--format", "json").out)
        assert [(c["before"], c["after"]) for c in found["changes"]] == [
            ("conv(8, bias=true)", "conv(8, k=5, bias=true)")
        ]

    def test_an_include_beside_the_folder(self, run: Run, repo: Path) -> None:
        (repo / "nets" / "deep").mkdir()
        (repo / "nets" / "deep" / "b.arch").write_text(
            'include "../lib/blocks.arch"\ninput 3x8x8\nclasses 10\nnet unit(8) gap linear(10)\n'
        )
        git(repo, "add", "-A")
        git(repo, "commit", "-q", "-m", "third")
        done = run("diff", "--git", "HEAD", "nets/deep/b.arch")
        assert "the same experiment" in done.out, done.err

    @pytest.mark.parametrize("name", ["HEAD@{1}:nets/plain.arch", "HEAD^{commit}~1:nets/plain.arch"])
    def test_revisions_with_braces(self, run: Run, repo: Path, name: str) -> None:
        assert "added" in run("diff", name, "nets/plain.arch", "--format", "json").out

    def test_files_with_spaces_marks_and_links(self, run: Run, repo: Path) -> None:
        text = "input 3x8x8\nclasses 10\nnet conv(8) gap linear(10)\n"
        (repo / "nets" / "my (net).arch").write_text("\ufeff" + text, "utf-8")
        (repo / "nets" / "link.arch").symlink_to("my (net).arch")
        git(repo, "add", "-A")
        git(repo, "commit", "-q", "-m", "third")
        for name in ("my (net).arch", "link.arch"):
            for args in ((f"HEAD:nets/{name}", f"nets/{name}"), ("--git", "HEAD", f"nets/{name}")):
                done = run("diff", *args)
                assert "the same experiment" in done.out, done.err

    def test_a_drawing_of_a_version(self, run: Run, repo: Path) -> None:
        assert "relu" not in run("draw", "HEAD~1:nets/plain.arch").out
        assert "relu" in run("draw", "HEAD:nets/plain.arch").out

    @pytest.mark.parametrize(
        ("args", "code", "message"),
        [
            (("--git", "nothing", "nets/a.arch"), 2, "git does not know the revision `nothing`"),
            (("--git", "HEAD", "nets/b.arch"), 2, "did you mean `nets/a.arch`"),
            (("--git", "--output=x", "nets/a.arch"), 2, ""),
            (("--git=--output=x", "nets/a.arch"), 2, "is not a revision"),
            (("--git", "HEAD", "../../a.arch"), 2, "outside of the repository"),
            (("--git", "HEAD", "nets/a.arch", "nets/a.arch"), 2, "two are named"),
            (("HEAD:nets/none.arch", "nets/a.arch"), 2, "there is no nets/none.arch in HEAD"),
            (("nets/a.arch",), 2, "a second network is missing"),
            (("-", "-"), 2, "can be read once"),
        ],
    )
    def test_refusals(self, run: Run, repo: Path, args: tuple[str, ...], code: int, message: str) -> None:
        done = run("diff", *args)
        assert (done.code, done.out) == (code, "")
        assert message in done.err
        assert not (repo / "x").exists()

    def test_no_repository(self, run: Run, tmp_path: Path) -> None:
        Path("a.arch").write_text("input 3x8x8\nclasses 10\nnet conv(8)\n")
        done = run("diff", "--git", "HEAD", "a.arch")
        assert done.code == 4
        assert "not in a git repository" in done.err

    def test_no_git(self, run: Run, repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", str(repo))
        done = run("diff", "--git", "HEAD", "nets/a.arch")
        assert done.code == 4
        assert "git is not installed" in done.err


def test_a_version_may_have_a_byte_order_mark(run: Run, repo: Path) -> None:
    marked = repo / "nets" / "marked.arch"
    marked.write_bytes(b"\xef\xbb\xbfinput 3x8x8\r\nclasses 10\r\nnet conv(8) gap linear(10)\r\n")
    git(repo, "add", "-A")
    git(repo, "commit", "-q", "-m", "marked")
    done = run("diff", "--git", "HEAD", "nets/marked.arch", "--format", "json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["same"]
