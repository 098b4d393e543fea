"""Vectorised building blocks: independent random streams, ids, times, names, text, JSON, money.

Everything is a pure function of its arguments and the stream passed in. Rows are planned as numpy
integers and become text only chunk by chunk; repeated text is a dictionary array (indices into a
pool), which costs four bytes a row and is written to Parquet as it is.
"""

from __future__ import annotations

import hashlib
import json as jsonlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from orchestration.sampledata import words
from orchestration.sampledata.plan import Plan

Indexes = np.ndarray[Any, np.dtype[np.integer]]
Bools = np.ndarray[Any, np.dtype[np.bool_]]
Times = np.ndarray[Any, np.dtype[np.datetime64]]
DAY = 86_400


# --- streams -------------------------------------------------------------------------------------


def _hash64(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")


def stream(plan: Plan, name: str, chunk: int = 0) -> np.random.Generator:
    """A generator that depends on the plan's seed and scale, `name` and `chunk`, nothing else.

    So a table's data do not move when another table's code draws one number more.
    """
    entropy = [plan.seed, _hash64(plan.scale), _hash64(name), chunk]
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(entropy)))


# --- identifiers ---------------------------------------------------------------------------------

_HEX = np.frombuffer(b"".join(b"%02x" % n for n in range(256)), dtype=np.uint16)


def _text(characters: np.ndarray[Any, np.dtype[np.uint8]]) -> pa.Array:
    """Fixed-width text: an (n, width) array of ASCII codes as an Arrow string array, no copies."""
    rows, width = characters.shape
    offsets = pa.py_buffer(np.arange(rows + 1, dtype=np.int32) * np.int32(width))
    data = pa.py_buffer(np.ascontiguousarray(characters))
    return pa.Array.from_buffers(pa.string(), rows, [None, offsets, data])


def _uuid_text(words64: np.ndarray[Any, np.dtype[np.uint64]]) -> pa.Array:
    raw = words64.view(np.uint8).reshape(-1, 16)
    raw[:, 6] = (raw[:, 6] & 0x0F) | 0x40
    raw[:, 8] = (raw[:, 8] & 0x3F) | 0x80
    digits = _HEX[raw].view(np.uint8).reshape(-1, 32)
    out = np.full((len(raw), 36), ord("-"), dtype=np.uint8)
    for low, high, shift in ((0, 8, 0), (8, 12, 1), (12, 16, 2), (16, 20, 3), (20, 32, 4)):
        out[:, low + shift : high + shift] = digits[:, low:high]
    return _text(out)


def uuids(rng: np.random.Generator, rows: int) -> pa.Array:
    """`rows` fresh version-4 UUIDs as text of 36 characters."""
    return _uuid_text(rng.integers(0, 2**64, size=rows * 2, dtype=np.uint64))


def ids_of(plan: Plan, table: str, index: Indexes) -> pa.Array:
    """The UUID of row `index` of `table`: always the same for the same plan, table and index.

    This is how rows refer to each other: keep integers, expand at the end. A negative index
    becomes NULL.
    """
    index = np.asarray(index, dtype=np.int64)
    text = _uuid_text(_hashed_pairs(plan, table, index).reshape(-1))
    missing = index < 0
    return nullify(text, ~missing) if missing.any() else text


def id_pool(plan: Plan, table: str, rows: int, index: Indexes) -> pa.DictionaryArray:
    """As `ids_of`, for a column where few ids repeat often: a dictionary over all `rows` ids."""
    return take(ids_of(plan, table, np.arange(rows)), index)


def _mix(values: np.ndarray[Any, np.dtype[np.uint64]]) -> np.ndarray[Any, np.dtype[np.uint64]]:
    """The splitmix64 finaliser: a bijection of 64 bits that looks random."""
    z = values + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def _hashed_pairs(plan: Plan, name: str, index: Indexes) -> np.ndarray[Any, np.dtype[np.uint64]]:
    """128 bits per index that belong to (name, index)."""
    key = _hash64(f"{plan.seed}/{plan.scale}/{name}")
    pairs = np.empty((len(index), 2), dtype=np.uint64)
    pairs[:, 0] = _mix(np.asarray(index, dtype=np.int64).astype(np.uint64) ^ np.uint64(key))
    pairs[:, 1] = _mix(pairs[:, 0] + np.uint64(key | 1))
    return pairs


def fixed_text(plan: Plan, name: str, index: Indexes, width: int) -> pa.Array:
    """Hexadecimal text (up to 32 characters) that belongs to (name, index) for ever."""
    raw = _hashed_pairs(plan, name, index).view(np.uint8).reshape(-1, 16)
    return _text(_HEX[raw].view(np.uint8).reshape(-1, 32)[:, :width])


def hash_share(plan: Plan, name: str, index: Indexes) -> np.ndarray[Any, np.dtype[np.float64]]:
    """A number in [0, 1) that belongs to (name, index) for ever: traits without storing them."""
    key = np.uint64(_hash64(f"{plan.seed}/{plan.scale}/{name}"))
    mixed = _mix(np.asarray(index, dtype=np.int64).astype(np.uint64) ^ key)
    return (mixed >> np.uint64(11)).astype(np.float64) / float(2**53)


def numbers_as_text(values: Indexes, width: int) -> pa.Array:
    """Integers as text of exactly `width` digits, zero-padded; higher digits are cut off."""
    rest = np.array(values, dtype=np.int64)
    out = np.empty((len(rest), width), dtype=np.uint8)
    for position in range(width - 1, -1, -1):
        rest, digit = np.divmod(rest, 10)
        out[:, position] = digit + ord("0")
    return _text(out)


def hex_text(rng: np.random.Generator, rows: int, width: int) -> pa.Array:
    """Random lower-case hexadecimal text of exactly `width` characters (tokens, hashes)."""
    raw = rng.integers(0, 256, size=(rows, (width + 1) // 2), dtype=np.uint8)
    return _text(_HEX[raw].view(np.uint8).reshape(rows, -1)[:, :width])


def codes(prefix: str, values: Indexes, width: int) -> pa.Array:
    """`prefix` followed by zero-padded numbers: codes, order numbers, serial numbers."""
    return join(prefix, numbers_as_text(values, width))


# --- choices and NULLs ---------------------------------------------------------------------------


def take(pool: pa.Array | Sequence[str], index: Indexes, valid: Bools | None = None) -> pa.Array:
    """Dictionary array of `pool[index]`; a negative index, or where `valid` is false, is NULL."""
    pool = pool if isinstance(pool, pa.Array) else pa.array(pool, pa.string())
    index = np.asarray(index)
    missing = index < 0
    if valid is not None:
        missing = missing | ~valid
    indices = pa.array(index.astype(np.int32), mask=missing if missing.any() else None)
    return pa.DictionaryArray.from_arrays(indices, pool)


def choice(
    rng: np.random.Generator,
    rows: int,
    shares: Mapping[str | None, float] | Sequence[str],
) -> pa.DictionaryArray:
    """`rows` draws from values with the given shares (any sum; a key None is NULL)."""
    if not isinstance(shares, Mapping):
        shares = dict.fromkeys(shares, 1.0)
    index = choice_index(rng, rows, list(shares.values()))
    names = list(shares)
    if None in names:
        hole = names.index(None)
        index = np.where(index == hole, -1, np.where(index > hole, index - 1, index))
        names.remove(None)
    return take([str(n) for n in names], index)


def choice_index(
    rng: np.random.Generator, rows: int, weights: Sequence[float] | np.ndarray[Any, Any]
) -> np.ndarray[Any, np.dtype[np.int32]]:
    """`rows` draws of 0…len(weights)-1 with these weights."""
    edges = np.cumsum(np.asarray(weights, dtype=np.float64))
    drawn = np.searchsorted(edges, rng.random(rows) * edges[-1], side="right")
    return np.minimum(drawn, len(edges) - 1).astype(np.int32)


def zipf_weights(rows: int, exponent: float = 1.0) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Weights 1/1^s, 1/2^s, … that sum to 1: a few large ones, a long tail."""
    weights = 1.0 / np.arange(1, rows + 1, dtype=np.float64) ** exponent
    return weights / weights.sum()


def apportion(total: int, weights: np.ndarray[Any, Any], least: int = 0) -> Indexes:
    """Split `total` by weights into integers that sum to it (largest remainder), each ≥ `least`."""
    if least * len(weights) > total:
        raise ValueError(f"{total} rows cannot give {len(weights)} parts {least} each")
    exact = np.asarray(weights, dtype=np.float64) / np.sum(weights) * (total - least * len(weights))
    counts = np.floor(exact).astype(np.int64)
    short = int(total - least * len(weights) - counts.sum())
    counts[np.argsort(counts - exact, kind="stable")[:short]] += 1
    return counts + least


def chance(rng: np.random.Generator, rows: int, share: float | np.ndarray[Any, Any]) -> Bools:
    """Booleans that are true with probability `share` (a number, or one per row)."""
    return rng.random(rows) < share


def nullify(values: pa.Array, valid: Bools) -> pa.Array:
    """`values` with NULL wherever `valid` is false."""
    if isinstance(values, pa.DictionaryArray):
        kept = nullify(values.indices, valid)
        return pa.DictionaryArray.from_arrays(kept, values.dictionary)
    return pc.if_else(pa.array(valid), values, pa.scalar(None, values.type))


def nullable(values: np.ndarray[Any, Any], valid: Bools) -> pa.Array:
    """A numpy array as an Arrow array with NULL wherever `valid` is false."""
    if values.dtype.kind == "M":
        values = values.astype("datetime64[us]")
    return pa.array(values, mask=~valid)


# --- numbers -------------------------------------------------------------------------------------


def decimals(
    units: Indexes, precision: int, scale: int, valid: Bools | None = None
) -> pa.Decimal128Array:
    """Exact decimals from integers of the last digit: 1234 with scale 2 is 12.34."""
    pairs = np.empty((len(units), 2), dtype=np.int64)
    pairs[:, 0] = units
    pairs[:, 1] = np.asarray(units, dtype=np.int64) >> 63
    kind = pa.decimal128(precision, scale)
    array = pa.Array.from_buffers(kind, len(units), [None, pa.py_buffer(pairs)])
    return array if valid is None else nullify(array, valid)


def price_cents(
    rng: np.random.Generator, rows: int, low: float, high: float, step: int = 100
) -> Indexes:
    """Log-uniform prices between `low` and `high` yuan, in cents, rounded to `step` cents."""
    drawn = np.exp(rng.uniform(np.log(low), np.log(high), rows)) * 100
    return np.maximum(np.round(drawn / step).astype(np.int64), 1) * step


def log_normal_int(
    rng: np.random.Generator, rows: int, median: float, sigma: float, low: int, high: int
) -> Indexes:
    """Right-skewed integers (durations, sizes, latencies) clipped to [low, high]."""
    drawn = median * np.exp(rng.standard_normal(rows) * sigma)
    return np.clip(np.round(drawn), low, high).astype(np.int64)


def rank_in_group(sorted_groups: Indexes) -> Indexes:
    """0, 1, 2, … within each run of equal values of an array that is sorted by group."""
    rows = len(sorted_groups)
    if rows == 0:
        return np.empty(0, dtype=np.int64)
    starts = np.flatnonzero(np.r_[True, sorted_groups[1:] != sorted_groups[:-1]])
    return np.arange(rows) - np.repeat(starts, np.diff(np.r_[starts, rows]))


# --- time ----------------------------------------------------------------------------------------

# Share of a day's activity by hour: people write from nine to six, and some more after dinner.
OFFICE_HOURS = (
    3,
    2,
    1,
    1,
    1,
    2,
    5,
    12,
    35,
    70,
    78,
    72,
    48,
    52,
    74,
    76,
    72,
    62,
    42,
    36,
    34,
    26,
    14,
    7,
)
EVEN_HOURS = (1,) * 24
# Monday to Sunday.
WORK_WEEK = (1.0, 1.04, 1.02, 1.0, 0.94, 0.42, 0.3)
EVEN_WEEK = (1.0,) * 7


def seconds_of(moment: datetime) -> int:
    """Seconds since 1970-01-01 of a wall clock instant."""
    return int(np.datetime64(moment, "s").astype(np.int64))


@dataclass(frozen=True)
class Rhythm:
    """Activity over a span: the cumulative share at each whole hour, to draw times from.

    Wall-clock seconds throughout. Made by `rhythm`; hours of quiet days have no share at all.
    """

    edges: np.ndarray[Any, np.dtype[np.int64]]
    cumulative: np.ndarray[Any, np.dtype[np.float64]]

    def between(self, rng: np.random.Generator, low: Times, high: Times) -> Times:
        """One time per row in [low, high] (arrays, clipped to the span), by the rhythm.

        Where nothing happens in a row's whole interval, the result is its lower end.
        """
        start, end = self._inside(low), self._inside(high)
        first, share = np.interp(start, self.edges, self.cumulative), self.room(low, high)
        drawn = np.interp(first + rng.random(len(start)) * share, self.cumulative, self.edges)
        seconds = np.clip(np.floor(drawn).astype(np.int64), start, np.maximum(end, start))
        return np.where(share > 0, seconds, start).astype("datetime64[s]")

    def room(self, low: Times, high: Times) -> np.ndarray[Any, np.dtype[np.float64]]:
        """How much happens in [low, high] (arrays): what a life as long takes of all activity."""
        start, end = self._inside(low), np.maximum(self._inside(low), self._inside(high))
        upto = np.interp([start, end], self.edges, self.cumulative)
        return upto[1] - upto[0]

    def _inside(self, times: Times) -> Indexes:
        seconds = np.asarray(times, "datetime64[s]").astype(np.int64)
        return np.clip(seconds, *self.edges[[0, -1]])

    def times(self, rng: np.random.Generator, rows: int, ordered: bool = False) -> Times:
        """`rows` times over the whole span; `ordered` sorts them."""
        drawn = np.interp(rng.random(rows) * self.cumulative[-1], self.cumulative, self.edges)
        seconds = np.minimum(np.floor(drawn).astype(np.int64), self.edges[-1] - 1)
        if ordered:
            seconds.sort()
        return seconds.astype("datetime64[s]")


def rhythm(
    start: datetime,
    end: datetime,
    growth: float = 1.0,
    hours: Sequence[float] = OFFICE_HOURS,
    week: Sequence[float] = WORK_WEEK,
    quiet: Sequence[date] = (),
) -> Rhythm:
    """The rhythm of [start, end]: hour of day × weekday × linear growth (×1 to ×`growth`).

    Days vary a little as well, always the same way; `quiet` days have nothing.
    """
    low, high = seconds_of(start), seconds_of(end) + 1
    edges = np.unique(np.r_[low, np.arange(low - low % 3600 + 3600, high, 3600), high])
    day = edges[:-1] // DAY
    weekday = (day + 3) % 7  # 1970-01-01 was a Thursday
    share = np.asarray(hours, float)[edges[:-1] % DAY // 3600] * np.asarray(week, float)[weekday]
    share *= 1 + (growth - 1) * (edges[:-1] - low) / max(high - low, 1)
    share *= 0.85 + 0.3 * (_mix(day.astype(np.uint64)) >> np.uint64(40)).astype(float) / 2**24
    for date_ in quiet:
        share[day == seconds_of(datetime(date_.year, date_.month, date_.day)) // DAY] = 0
    cumulative = np.r_[0.0, np.cumsum(share * np.diff(edges) / 3600)]
    return Rhythm(edges, cumulative)


def timestamps_with_rhythm(
    rng: np.random.Generator, rows: int, start: datetime, end: datetime, growth: float = 1.0
) -> Times:
    """`rows` unordered whole-second times in [start, end] with office hours and growth."""
    return rhythm(start, end, growth).times(rng, rows)


def late(
    rng: np.random.Generator, happened: Times, share: float, latest: datetime, days: float = 2.0
) -> Times:
    """When rows were written: mostly as they happened, for `share` of them up to `days` later."""
    rows = len(happened)
    delay = np.where(chance(rng, rows, share), rng.integers(60, int(days * DAY), rows), 0)
    written = happened.astype("datetime64[s]") + delay.astype("timedelta64[s]")
    return np.maximum(np.minimum(written, np.datetime64(latest, "s")), happened)


def plus_seconds(times: Times, seconds: Indexes | int) -> Times:
    """`times` shifted by whole seconds (an array or one number)."""
    return times + np.asarray(seconds, dtype=np.int64).astype("timedelta64[s]")


def moments(seconds: Indexes) -> pa.Array:
    """Wall-clock seconds as timestamps; negative ones become NULL."""
    return nullable(np.maximum(seconds, 0).astype("datetime64[s]"), seconds >= 0)


def dates_of(times: Times) -> np.ndarray[Any, Any]:
    """The days of times, as datetime64[D]; conform turns them into dates."""
    return times.astype("datetime64[D]")


def clock_of(minutes: Indexes, valid: Bools | None = None) -> pa.Array:
    """Minutes since midnight as time of day (for `time` columns)."""
    micros = pa.array(np.asarray(minutes, dtype=np.int64) * 60_000_000).cast(pa.time64("us"))
    return micros if valid is None else nullify(micros, valid)


# --- text ----------------------------------------------------------------------------------------


def text(values: Any) -> pa.Array | str:
    """Anything that `join` and `json_object` accept, as Arrow strings (times as ISO text)."""
    if isinstance(values, str):
        return values
    if isinstance(values, np.ndarray):
        if values.dtype.kind == "M":
            return pc.strftime(pa.array(values.astype("datetime64[s]")), format="%Y-%m-%d %H:%M:%S")
        values = pa.array(values)
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    if isinstance(values, pa.DictionaryArray):
        return values.dictionary_decode()
    return values if pa.types.is_string(values.type) else values.cast(pa.string())


def join(*parts: Any) -> pa.Array:
    """Row-wise concatenation of arrays and constants; NULL in a part makes the row NULL."""
    return pc.binary_join_element_wise(*[text(p) for p in parts], "")


def pool_size(array: pa.DictionaryArray) -> int:
    """How many different values the array may have."""
    return len(array.dictionary)


def person_names(rng: np.random.Generator, rows: int) -> pa.DictionaryArray:
    """Chinese personal names (surname, one or two characters), about 9,000 different ones."""
    pool = _pool("names", lambda: [s + g for s in words.SURNAMES for g in words.GIVEN_NAMES])
    surname = choice_index(rng, rows, zipf_weights(len(words.SURNAMES), 0.7))
    given = rng.integers(0, len(words.GIVEN_NAMES), rows)
    return take(pool, surname * len(words.GIVEN_NAMES) + given)


def company_names(rng: np.random.Generator, rows: int) -> pa.DictionaryArray:
    """Company names such as 杭州云启科技有限公司; about 13,000 different ones."""
    pool = _pool(
        "companies",
        lambda: [
            place[1].removesuffix("市") + stem + suffix
            for place in words.PLACES
            for stem in words.COMPANY_STEMS
            for suffix in words.COMPANY_SUFFIXES
        ],
    )
    return take(pool, rng.integers(0, len(pool), rows))


def cities(rng: np.random.Generator, rows: int) -> pa.DictionaryArray:
    """City names, the big ones more often."""
    pool = [place[1] for place in words.PLACES]
    return take(pool, choice_index(rng, rows, zipf_weights(len(pool), 0.6)))


def addresses(rng: np.random.Generator, rows: int) -> pa.Array:
    """Address JSON {province, city, district, detail}."""
    place = choice_index(rng, rows, zipf_weights(len(words.PLACES), 0.6))
    head = [
        f'{{"province": "{p}", "city": "{c}", "district": "{d}", "detail": "'
        for p, c, d in words.PLACES
    ]
    road = choice(rng, rows, words.ROADS)
    return join(take(head, place), road, rng.integers(1, 999, rows), '号"}')


def phones(rng: np.random.Generator, rows: int) -> pa.Array:
    """Mainland mobile numbers of 11 digits; not unique, see `unique_phones`."""
    prefix = choice(rng, rows, words.PHONE_PREFIXES)
    return join(prefix, numbers_as_text(rng.integers(0, 10**8, rows), 8))


def unique_phones(index: Indexes, salt: int = 0) -> pa.Array:
    """Mobile numbers that differ whenever `index` (0 … 99,999,999) does."""
    index = np.asarray(index, dtype=np.int64)
    # A multiplier without a common factor with 10^8 permutes the last eight digits.
    return join(
        words.PHONE_PREFIXES[salt % len(words.PHONE_PREFIXES)],
        numbers_as_text((index * 61_803_399 + salt * 7_919) % 10**8, 8),
    )


def unique_emails(rng: np.random.Generator, index: Indexes, domain: str | None = None) -> pa.Array:
    """E-mail addresses under reserved example domains, different whenever `index` is."""
    stem = choice(rng, len(index), words.PINYIN)
    host = domain if domain else choice(rng, len(index), words.MAIL_DOMAINS)
    return join(stem, ".", numbers_as_text(index, 7), "@", host)


def ip_addresses(rng: np.random.Generator, rows: int, pool: int = 4096) -> pa.DictionaryArray:
    """IPv4 (and some IPv6) addresses from documentation and private ranges."""
    count = min(rows, pool)
    v4 = join(
        "10.",
        rng.integers(0, 256, count),
        ".",
        rng.integers(0, 256, count),
        ".",
        rng.integers(1, 255, count),
    )
    v6 = join("2001:db8::", hex_text(rng, count, 4), ":", hex_text(rng, count, 4))
    both = pc.if_else(pa.array(chance(rng, count, 0.05)), v6, v4)
    return take(both, rng.integers(0, max(count, 1), rows))


def user_agents(rng: np.random.Generator, rows: int) -> pa.DictionaryArray:
    """Browser and client strings."""
    return choice(rng, rows, words.USER_AGENTS)


def sentences(rng: np.random.Generator, rows: int) -> pa.DictionaryArray:
    """Chinese chat and note sentences from `sentence_pool`."""
    pool = sentence_pool()
    return take(pool, rng.integers(0, len(pool), rows))


def sentence_pool() -> pa.Array:
    """4,096 sentences; some hold quotes, tabs, line breaks, backslashes, and 15 % an emoji.

    The emoji are 4-byte characters, some of them sequences with joiners and skin tones.
    """

    def make() -> pa.Array:
        size = 4096
        rng = np.random.Generator(np.random.PCG64(20))
        parts = [choice(rng, size, w) for w in (words.OPENINGS, words.REMARKS, words.CLOSINGS)]
        plain = join(*parts)
        face = join(plain, choice(rng, size, words.EMOJI))
        return pc.if_else(pa.array(chance(rng, size, 0.15)), face, plain)

    return _pool("sentences", make)


def urls(host: str, path: str, names: pa.Array, suffix: str = "") -> pa.Array:
    """https://<host>.example.com/<path>/<name><suffix>."""
    return join(f"https://{host}.example.com/{path}/", names, suffix)


_POOLS: dict[str, pa.Array] = {}


def _pool(name: str, make: Any) -> pa.Array:
    if name not in _POOLS:
        made = make()
        _POOLS[name] = made if isinstance(made, pa.Array) else pa.array(made, pa.string())
    return _POOLS[name]


# --- JSON ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Raw:
    """Marks text that is JSON already, so that `json_object` does not quote it."""

    value: Any


def quoted(values: Any) -> pa.Array | str:
    """Text as a JSON string: escaped and in quotes."""
    if isinstance(values, str):
        return jsonlib.dumps(values, ensure_ascii=False)
    if isinstance(values, pa.DictionaryArray):  # escape the pool, not every row
        return take(quoted(values.dictionary), _index_array(values)).dictionary_decode()
    escaped = text(values)
    for plain, code in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t")):
        escaped = pc.replace_substring(escaped, pattern=plain, replacement=code)
    return join('"', escaped, '"')


def json_object(**fields: Any) -> pa.Array:
    """One JSON object per row; at least one field must be an array.

    Text is quoted, numbers and booleans are not, `Raw(…)` is taken as it is, NULL becomes null.
    """
    parts: list[Any] = []
    for position, (name, value) in enumerate(fields.items()):
        parts.append(("{" if position == 0 else ", ") + jsonlib.dumps(name) + ": ")
        parts.append(_json_value(value))
    return join(*parts, "}")


def json_pool(values: Sequence[Any]) -> pa.Array:
    """Python values as a pool of JSON texts, for `take` and dictionary columns."""
    return pa.array([jsonlib.dumps(v, ensure_ascii=False) for v in values], pa.string())


def json_choice(
    rng: np.random.Generator, rows: int, values: Sequence[Any], null: float = 0.0
) -> pa.DictionaryArray:
    """Draws from a few JSON values; `null` of them are SQL NULL."""
    index = rng.integers(0, len(values), rows)
    return take(json_pool(values), index, chance(rng, rows, 1 - null))


def _json_value(value: Any) -> pa.Array | str:
    if isinstance(value, Raw):
        value = text(value.value)
        return value if isinstance(value, str) else value.fill_null("null")
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, bool | int | float | list | dict) or value is None:
        return jsonlib.dumps(value, ensure_ascii=False)
    array = pa.array(value) if isinstance(value, np.ndarray) and value.dtype.kind != "M" else value
    if isinstance(array, pa.Array) and not isinstance(array, pa.DictionaryArray):
        kind = array.type
        if not pa.types.is_string(kind):
            plain = pa.types.is_integer(kind) or pa.types.is_floating(kind)
            plain = plain or pa.types.is_boolean(kind) or pa.types.is_decimal(kind)
            if plain:
                return array.cast(pa.string()).fill_null("null")
    done = quoted(array)
    return done if isinstance(done, str) else done.fill_null("null")


def _index_array(values: pa.DictionaryArray) -> np.ndarray[Any, np.dtype[np.int32]]:
    return values.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32)
