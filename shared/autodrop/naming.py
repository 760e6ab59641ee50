"""Names that are made from the drop alone, so that the same drop always gets the same names.

SageMaker has no client tokens: its names are the idempotency keys. Processing job, AutoML job,
model and transform job all carry the run id. Limits: CreateAutoMLJobV2 takes 1-32 characters of
`[a-zA-Z0-9-]`, case insensitively; the others 63.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from hashlib import sha256

RUN_ID_PREFIX = "ad-"
RUN_ID = re.compile(r"ad-[a-z0-9][a-z0-9-]{0,11}-[0-9a-f]{12}")

INBOX = "inbox/"
RUNS = "runs/"
SETTINGS_FILE = "autodrop.yaml"
# What Spark and others write last into a folder of parts.
COMPLETE_MARK = "_SUCCESS"
_DATA_SUFFIX = re.compile(r"\.(csv|tsv|txt|parquet)(\.gz|\.zst)?$", re.IGNORECASE)
# What base letters alone would lose.
_TWO_LETTERS = str.maketrans({"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o"})
# How `slug` ends a word that is not the name itself.
_HASHED = re.compile(r"-(?=[0-9]*[a-f])[0-9a-f]{6}$")
_TEST_FILE = re.compile(r"\.test(\.(csv|tsv|txt|parquet)(\.gz|\.zst)?)$", re.IGNORECASE)


@dataclass(frozen=True)
class Drop:
    """One upload of one object: what a run is about.

    Attributes:
        bucket: Bucket of the upload.
        key: Object key below `inbox/`.
        version: The object's version id, or its sequencer where the bucket has no versions.
        version_id: The version to read, when the bucket has versions.
        size: Size in bytes.
    """

    bucket: str
    key: str
    version: str
    version_id: str | None
    size: int

    @property
    def dataset(self) -> str:
        """The dataset's name: the folder below `inbox/`, or the file's stem without a folder."""
        folder, slash, _ = self.key.removeprefix(INBOX).partition("/")
        return (folder if slash else folder.partition(".")[0]) or "dataset"

    @property
    def file_name(self) -> str:
        """The last part of the key."""
        return self.key.rpartition("/")[2]

    @property
    def shown_name(self) -> str:
        """What it is called in messages: the file's name, or that of the folder of parts."""
        return self.parts_prefix.split("/")[-2] if self.is_folder else self.file_name

    @property
    def is_dataset(self) -> bool:
        """False for what else lies in the inbox.

        That is folder markers, settings, hidden files, test files, and the Parquet parts of a
        folder: the mark that the folder is complete stands for all of them.
        """
        name = self.file_name
        if name in ("", SETTINGS_FILE) or name.startswith("."):
            return False
        if name == COMPLETE_MARK:
            return self.is_folder
        is_part = self.key.removeprefix(INBOX).count("/") > 1 and name.endswith(".parquet")
        return not is_part and not _TEST_FILE.search(name)

    @property
    def is_folder(self) -> bool:
        """Whether it is the mark that a folder of Parquet parts is complete."""
        inside = self.key.removeprefix(INBOX).count("/") > 1
        return inside and self.file_name == COMPLETE_MARK

    @property
    def parts_prefix(self) -> str:
        """Below which the parts of a folder are."""
        return self.key.removesuffix(COMPLETE_MARK)

    @property
    def test_file_keys(self) -> tuple[str, ...]:
        """Where the user's own test file may be, the likeliest first."""
        folder = self.key.removesuffix(self.file_name)
        return tuple(folder + name for name in test_file_names(self.file_name))

    @property
    def settings_key(self) -> str:
        """Where this dataset's optional settings are."""
        return f"{INBOX}{self.dataset}/{SETTINGS_FILE}"


def test_file_names(file_name: str) -> tuple[str, ...]:
    """Return what the test file beside a data file may be called, the likeliest first.

    >>> test_file_names("sales.csv.gz")
    ('sales.test.csv.gz', 'sales.test.csv')
    """
    suffix = _DATA_SUFFIX.search(file_name)
    stem = file_name[: suffix.start()] if suffix else file_name
    names = (f"{stem}.test{suffix[0] if suffix else ''}", f"{stem}.test.csv")
    return tuple(dict.fromkeys(names))


def plain_word(name: str, longest: int = 40) -> str:
    """Return `name` in at most `longest` characters of `[a-z0-9-]`; `dataset` when none is left."""
    word = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:longest].strip("-")
    return word or "dataset"


def same_names(name: str) -> str:
    """Return what names have in common that are one dataset's.

    Capital and small letters are the same, and so is all that stands between ASCII letters and
    digits but is ASCII itself: `Sales (2024)` is `sales-2024`. Every other character counts,
    composed or not.

    >>> same_names("Größe_2024")
    'größe-2024'
    """
    composed = unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).lower())
    return re.sub(r"[^a-z0-9\x80-\U0010ffff]+", "-", composed).strip("-")


def dataset_name(name: str) -> str:
    """Return the name of the dataset for a file of this name, its suffix taken away.

    It is a word of 1-40 characters of `[a-z0-9-]`, another one wherever `same_names` is; where that
    is empty, it is `dataset`. What is more than such a word, by its letters or its length, gets
    eight hex digits of its hash.

    >>> dataset_name("Sales (2024)")
    'sales-2024'
    >>> dataset_name("Größe")
    'grosse-d353a267'
    """
    same = same_names(name)
    if same.isascii() and len(same) <= 40:
        return same or "dataset"
    letters = unicodedata.normalize("NFKD", same.translate(_TWO_LETTERS))
    letters = "".join(each for each in letters if not unicodedata.combining(each))
    # A file's name may hold bytes that are no text.
    digest = sha256(same.encode(errors="surrogatepass")).hexdigest()[:8]
    return f"{plain_word(letters, 31)}-{digest}"


def slug(name: str) -> str:
    """Return a word of 1-40 characters of `[a-z0-9-]`, different for different names.

    A name that is not such a word already gets six hex digits of its hash, so that `Sales 2024` and
    `sales-2024` do not share a folder. So does a word that ends as if it had got them; one of the
    digits is a letter, or `sales-202401` would.
    """
    word = plain_word(name)
    if word == name and not _HASHED.search(word):
        return word
    digits = sha256(name.encode()).hexdigest()
    sixes = (digits[i : i + 6] for i in range(0, len(digits), 6))
    return f"{plain_word(name, 33)}-{next(six for six in sixes if not six.isdigit())}"


def run_id(drop: Drop) -> str:
    """Return the run's name, at most 28 characters, the same for every delivery of one upload."""
    digest = sha256("\0".join((drop.bucket, drop.key, drop.version)).encode()).hexdigest()[:12]
    return f"{RUN_ID_PREFIX}{plain_word(drop.dataset, 12)}-{digest}"


@dataclass(frozen=True)
class RunFolder:
    """The keys of one run's objects in the bucket."""

    prefix: str

    @classmethod
    def of(cls, dataset: str, run: str) -> RunFolder:
        """Return the folder of run `run` of dataset `dataset`."""
        return cls(f"{RUNS}{slug(dataset)}/{run}/")

    @property
    def dataset(self) -> str:
        """`dataset.json`: written last by preparation; its creation starts the training."""
        return f"{self.prefix}dataset.json"

    @property
    def profile(self) -> str:
        """`profile.json`: what each column holds."""
        return f"{self.prefix}profile.json"

    @property
    def train(self) -> str:
        """Training rows, with header and target."""
        return f"{self.prefix}train/train_data.csv"

    @property
    def test(self) -> str:
        """Held-out rows without header and target: what batch transform reads."""
        return f"{self.prefix}test/test_data.csv"

    @property
    def truth(self) -> str:
        """Row number, ignored columns and target of the held-out rows."""
        return f"{self.prefix}truth/truth.csv"

    def processing_code(self, name: str = "") -> str:
        """Return the key of a file that the processing job is given, or the prefix of all."""
        return f"{self.prefix}processing/code/{name}"

    @property
    def outcome(self) -> str:
        """`outcome.json`: what the processing job found, or why the file is unusable."""
        return f"{self.prefix}processing/outcome/outcome.json"

    @property
    def model_train(self) -> str:
        """What Autopilot trains on where that is not `train`."""
        return f"{self.prefix}model-input/train/train_data.csv"

    @property
    def model_test(self) -> str:
        """What batch transform reads where that is not `test`."""
        return f"{self.prefix}model-input/test/test_data.csv"

    @property
    def probe_plan(self) -> str:
        """`plan.json`: what each row of the probe is for."""
        return f"{self.prefix}probe/plan.json"

    @property
    def output(self) -> str:
        """Where Autopilot writes, without a trailing slash."""
        return f"{self.prefix}output"

    @property
    def autopilot(self) -> str:
        """`autopilot.json`: best candidate, all candidates and notebooks as Autopilot told them."""
        return f"{self.prefix}autopilot.json"

    @property
    def inference_results(self) -> str:
        """Where batch transform writes, without a trailing slash."""
        return f"{self.prefix}inference-results"

    @property
    def failure(self) -> str:
        """`failure.json`: instead of results."""
        return f"{self.prefix}failure.json"

    @property
    def results(self) -> str:
        """The folder of the results, with a trailing slash."""
        return f"{self.prefix}results/"

    @property
    def index(self) -> str:
        """`index.html` of the dataset: all of its runs."""
        return f"{self.prefix.rstrip('/').rpartition('/')[0]}/index.html"

    def result(self, name: str) -> str:
        """Return the key of one result file, such as `summary.json`."""
        return f"{self.results}{name}"


def run_of_dataset_key(key: str) -> str:
    """Return the run id in a key `runs/<dataset>/<run-id>/dataset.json`.

    Raises:
        ValueError: The key is another one.
    """
    runs, *rest = key.split("/")
    if runs != RUNS.rstrip("/") or len(rest) != 3 or rest[2] != "dataset.json":
        raise ValueError("not the key of a dataset.json")
    if not RUN_ID.fullmatch(rest[1]):
        raise ValueError("not in the folder of a run")
    return rest[1]
