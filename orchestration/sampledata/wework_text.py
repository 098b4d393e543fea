"""What WeCom's people, chats and messages are called and say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from orchestration.sampledata.plan import Plan
from orchestration.sampledata.random import (
    Bools,
    Indexes,
    chance,
    choice,
    choice_index,
    fixed_text,
    hash_share,
    hex_text,
    ids_of,
    join,
    json_pool,
    numbers_as_text,
    person_names,
    sentence_pool,
    stream,
    take,
    text,
)

if TYPE_CHECKING:
    from orchestration.sampledata.wework_traffic import Members
    from orchestration.sampledata.world import Rows

ERROR_CODES = ("ACCOUNT_OFFLINE", "40096", "84061", "41048", "RATE_LIMITED", "CONTENT_BLOCKED")
ERROR_TEXTS = (
    "账号不在线，发送失败",
    "invalid external userid",
    "not friend: 对方已将您删除",
    "no permission",
    "发送过于频繁，请稍后再试",
    "内容包含敏感词：\"优惠\"",
)  # fmt: skip


@dataclass(frozen=True)
class Entities:
    """Everybody a message can come from or go to, under one key.

    Keys: accounts, then contacts, then groups, then one system notifier per account.
    """

    plan: Plan
    accounts: int
    contacts: int
    groups: int
    all_ids: pa.Array
    all_names: pa.Array

    def account_key(self, account: Indexes) -> Indexes:
        """Key of an account's own WeCom user."""
        return account

    def contact_key(self, contact: Indexes) -> Indexes:
        """Key of a contact."""
        return self.accounts + contact

    def target_key(self, kind: Indexes, target: Indexes) -> Indexes:
        """Key of a conversation's other side, by its kind (contact, group, system)."""
        base = np.array(
            [
                self.accounts,
                self.accounts + self.contacts,
                self.accounts + self.contacts + self.groups,
            ]
        )
        return base[kind] + target

    def ids(self, key: Indexes) -> pa.DictionaryArray:
        """WeCom ids by key."""
        return take(self.all_ids, key)

    def names(self, key: Indexes) -> pa.DictionaryArray:
        """Display names by key."""
        return take(self.all_names, key)

    def ids_or(self, key: Indexes, other: pa.Array) -> pa.Array:
        """WeCom ids by key, `other` where the key is negative."""
        return pc.if_else(pa.array(key >= 0), text(self.ids(key)), text(other))

    def names_or(self, key: Indexes, other: pa.Array) -> pa.Array:
        """Names by key, `other` where the key is negative."""
        return pc.if_else(pa.array(key >= 0), text(self.names(key)), text(other))

    def account_ids(self) -> pa.Array:
        """WeCom user ids of the accounts."""
        return self.all_ids.slice(0, self.accounts)

    def account_names(self) -> pa.Array:
        """Names of the accounts' WeCom users."""
        return self.all_names.slice(0, self.accounts)

    def contact_ids(self) -> pa.Array:
        """WeCom ids of the contacts."""
        return self.all_ids.slice(self.accounts, self.contacts)

    def contact_names(self) -> pa.Array:
        """Names of the contacts."""
        return self.all_names.slice(self.accounts, self.contacts)

    def group_ids(self) -> pa.Array:
        """WeCom ids of the groups."""
        return self.all_ids.slice(self.accounts + self.contacts, self.groups)

    def group_names(self) -> pa.Array:
        """Names of the groups."""
        return self.all_names.slice(self.accounts + self.contacts, self.groups)

    def stranger_ids(self, position: Indexes) -> pa.Array:
        """WeCom ids of people no account knows, different for each position."""
        return join("wo", fixed_text(self.plan, "wework strangers", position, 28))

    def conversation_ids(self, count: int) -> pa.Array:
        """conversation_id of every conversation."""
        return join("conv_", ids_of(self.plan, "conversation_id", np.arange(count)))


def entities(plan: Plan, accounts: Rows, contacts: Members, groups: Members) -> Entities:
    """Ids and names of everybody; contacts of different accounts may be the same person."""
    rng = stream(plan, "wework names")
    n, c, g = len(accounts), len(contacts.account), len(groups.account)
    users = join("zh_", numbers_as_text(np.arange(n), 5))
    people = join("wm", hex_text(rng, c, 30))
    chats = join("wr", hex_text(rng, g, 30))
    system = join("sys_", numbers_as_text(np.arange(n), 5))
    kinds = choice(rng, g, ("客户交流群", "VIP服务群", "项目对接群", "会员福利群🎁", "内部沟通群"))
    names = [
        text(person_names(rng, n)),
        text(_with_emoji(rng, person_names(rng, c))),
        join(person_names(rng, g), "的", kinds),
        pa.array(["企业微信团队"] * n),
    ]
    ids = pa.concat_arrays([users, people, chats, system])
    return Entities(plan, n, c, g, ids, pa.concat_arrays(names))


def _with_emoji(rng: np.random.Generator, names: pa.Array) -> pa.Array:
    faces = choice(rng, len(names), ("🌸", "☀️", "🐟", "👑", "𝓥𝓲𝓹"))
    return pc.if_else(pa.array(chance(rng, len(names), 0.06)), join(names, faces), text(names))


# --- content -------------------------------------------------------------------------------------

# By message type after text: placeholder contents as the connector writes them.
_LABELS = {
    "image": ("[图片]",),
    "file": ("[文件] 报价单.xlsx", "[文件] 合同-终版(3).docx", "[文件] 体检报告.pdf"),
    "voice": ("[语音] 12\"", "[语音] 58\""),
    "video": ("[视频]",),
    "location": ("[位置] 深圳市南山区科技园", "[位置] 杭州市余杭区"),
    "card": ('{"title": "限时优惠", "desc": "满200减30"}', '{"title": "预约成功"}'),
    "system": ("你已添加了对方，现在可以开始聊天了。", "对方加入了群聊", "系统将于今晚 23:00 维护"),
}  # fmt: skip
_URL_SUFFIX = {"image": ".jpg", "file": ".pdf", "voice": ".amr", "video": ".mp4"}
_MEDIA = {
    "image": {"size": 248_913, "width": 1080, "height": 1440},
    "file": {"name": "报价单.xlsx", "size": 48_211},
    "voice": {"duration": 12, "size": 18_230},
    "video": {"duration": 31, "size": 5_120_774},
    "location": {"latitude": 22.5405, "longitude": 113.9345, "place": "科技园"},
}


def contents(plan: Plan, message: Indexes, kind: Indexes) -> pa.DictionaryArray:
    """Content of messages by number and type: the same for the same message everywhere."""
    sentences = sentence_pool()
    pool = pa.concat_arrays([sentences, pa.array([t for ts in _LABELS.values() for t in ts])])
    sizes = np.array([len(sentences), *(len(ts) for ts in _LABELS.values())])
    starts = np.r_[0, np.cumsum(sizes)[:-1]]
    drawn = hash_share(plan, "wework content", message)
    return take(pool, starts[kind] + np.floor(drawn * sizes[kind]).astype(np.int64))


def message_ids(plan: Plan, message: Indexes) -> pa.Array:
    """WeCom's own message ids; a few repeat, as when two accounts see one group message."""
    shared = message - (hash_share(plan, "wework shared id", message) < 0.01)
    return fixed_text(plan, "wework message_id", shared, 32)


def content_urls(rng: np.random.Generator, kind: Indexes) -> pa.DictionaryArray:
    """Storage addresses of pictures, files, voice and video; NULL for other types."""
    names = list(_URL_SUFFIX)
    pool = pa.concat_arrays(
        [
            join("https://media.example.com/wework/", hex_text(rng, 256, 24), _URL_SUFFIX[name])
            for name in names
        ]
    )
    of_type = _position(names)[kind]
    return take(pool, np.where(of_type >= 0, of_type * 256 + rng.integers(0, 256, len(kind)), -1))


def media_info(rng: np.random.Generator, kind: Indexes) -> pa.DictionaryArray:
    """Details of media; NULL for text, cards and system messages."""
    return take(json_pool(list(_MEDIA.values())), _position(list(_MEDIA))[kind])


def raw_data(rng: np.random.Generator, received: Bools) -> pa.DictionaryArray:
    """The message as WeCom delivered it: kept for a quarter of the received ones."""
    pool = json_pool([{"msgtype": "text", "seq": n, "publickey_ver": 1} for n in range(200)])
    rows = len(received)
    return take(pool, rng.integers(0, len(pool), rows), received & chance(rng, rows, 0.25))


def error_index(rng: np.random.Generator, rows: int) -> Indexes:
    """Why a send failed, as an index into ERROR_CODES."""
    return choice_index(rng, rows, (5, 2, 3, 1, 2, 1))


def _position(names: list[str]) -> Indexes:
    """Message type → position in `names`, -1 where it is not among them."""
    every = ("text", "image", "file", "voice", "video", "location", "card", "system")
    return np.array([names.index(t) if t in names else -1 for t in every])
