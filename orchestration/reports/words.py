"""The words of a report in English and Chinese; labels of codes come from seeds/code_labels.csv."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from orchestration.reports.measures import MEASURES
from orchestration.reports.overview_words import OVERVIEW_WORDS
from orchestration.settings import PROJECT_ROOT

LABELS_FILE = PROJECT_ROOT / "seeds" / "code_labels.csv"
LANGUAGES = ("zh", "en")

# English, then Chinese.
WORDS: Mapping[str, tuple[str, str]] = {
    "title": ("Health report", "健康报告"),
    "masked": ("Masked", "已脱敏"),
    "masked_note": (
        "Masked: of the person nothing stands here that the analysts' tables do not show.",
        "已脱敏：本报告所含个人信息不超出分析用数据表的范围。",
    ),
    "identified": ("Identified", "含身份信息"),
    "identified_note": (
        "Identified: for those who care for this patient. Making it was recorded in the audit log.",
        "含身份信息：仅供为该患者服务的人员使用，本次生成已记入审计日志。",
    ),
    "period": ("Period", "统计期间"),
    "until": ("to", "至"),
    "as_of": ("As of", "数据截至"),
    "patient": ("Patient", "患者"),
    "signs": ("Vital signs", "生命体征"),
    "trends": ("Trends", "趋势"),
    "alerts": ("Alerts", "告警"),
    "checkups": ("Checkups", "体检"),
    "records": ("Health records", "健康记录"),
    "notes": ("Notes", "说明"),
    "nothing": ("Nothing is on record for this period.", "本期间没有任何记录。"),
    "none": ("None in this period.", "本期间无。"),
    # tiles
    "measurements": ("measurements", "次测量"),
    "abnormal_measurements": ("abnormal measurements", "次测量异常"),
    "days_measured": ("days measured", "天有测量"),
    "alert_count": ("alerts", "条告警"),
    "critical_alerts": ("critical alerts", "条严重告警"),
    "checkup_count": ("checkups", "次体检"),
    # columns
    "sign": ("Sign", "指标"),
    "unit": ("Unit", "单位"),
    "reference": ("Reference", "参考范围"),
    "count": ("Count", "次数"),
    "mean": ("Mean", "均值"),
    "range": ("Min - max", "最小 - 最大"),
    "latest": ("Latest", "最近一次"),
    "change": ("Change", "变化"),
    "below": ("Below", "低于"),
    "above": ("Above", "高于"),
    "date": ("Date", "日期"),
    "minimum": ("Min", "最小"),
    "maximum": ("Max", "最大"),
    "time": ("Time", "时间"),
    "type": ("Type", "类型"),
    "level": ("Level", "级别"),
    "alert_title": ("Title", "标题"),
    "state": ("State", "状态"),
    "resolved": ("Resolved", "解决时间"),
    "verdict": ("Verdict", "结论"),
    "follow_up": ("Follow-up", "复查"),
    "follow_up_needed": ("required", "需要"),
    "hospital": ("Hospital", "医院"),
    "conclusion": ("Conclusion", "总结"),
    "record_count": ("Records", "记录数"),
    "abnormal_records": ("High risk", "高风险"),
    "daily_values": ("Daily figures", "每日数值"),
    # what is said of the patient
    "patient_key": ("Pseudonym", "假名"),
    "patient_code": ("Patient code", "患者编号"),
    "name": ("Name", "姓名"),
    "gender": ("Sex", "性别"),
    "birth_date": ("Born", "出生日期"),
    "age": ("Age", "年龄"),
    "age_band": ("Age", "年龄段"),
    "phone": ("Phone", "电话"),
    "province": ("Province", "省份"),
    "blood_type": ("Blood group", "血型"),
    "rh_factor": ("Rhesus factor", "Rh因子"),
    "height": ("Height (cm)", "身高 (cm)"),
    "weight_kg": ("Weight (kg)", "体重 (kg)"),
    "bmi": ("Body mass index", "体质指数"),
    "bmi_band": ("Weight class", "体重分级"),
    "smoking_status": ("Smoking", "吸烟"),
    "drinking_status": ("Alcohol", "饮酒"),
    "exercise_frequency": ("Exercise", "运动"),
    "allergies": ("Allergies", "过敏"),
    "allergy_count": ("Allergies", "过敏项数"),
    "chronic_diseases": ("Chronic diseases", "慢性病"),
    "chronic_disease_count": ("Chronic diseases", "慢性病项数"),
    "current_medications": ("Medication", "当前用药"),
    "medication_count": ("Medicines", "用药项数"),
    "status": ("File", "档案状态"),
    "no_entries": ("none", "无"),
    # signs; blood sugar is named with its situation, whose label is a code's
    "systolic_pressure": ("Systolic pressure", "收缩压"),
    "diastolic_pressure": ("Diastolic pressure", "舒张压"),
    "blood_pressure": ("Blood pressure", "血压"),
    "heart_rate": ("Heart rate", "心率"),
    "respiratory_rate": ("Respiratory rate", "呼吸频率"),
    "body_temperature": ("Body temperature", "体温"),
    "oxygen_saturation": ("Oxygen saturation", "血氧饱和度"),
    "weight": ("Weight", "体重"),
    "blood_glucose": ("Blood sugar", "血糖"),
    # notes
    "chart_note": (
        "Points are daily means, bars reach from a day's lowest to its highest value; the shaded "
        "band is the reference range.",
        "圆点为当日均值，竖线为当日最小值至最大值，阴影为参考范围。",
    ),
    "day_note": (
        "Days are business days in Asia/Shanghai, the first and the last included; a sign counts "
        "on the day it was taken. Means are rounded half up.",
        "日期按业务日（Asia/Shanghai）计，含首尾两日；体征按测量时间归日；均值四舍五入。",
    ),
    "adult_note": (
        "Reference ranges are those of adults at rest:",
        "参考范围适用于静息状态的成年人：",
    ),
    "child_note": (
        "No reference ranges are shown: those known here are for adults.",
        "未显示参考范围：现有范围仅适用于成年人。",
    ),
    "care_note": (
        "The figures are what was recorded; they are no diagnosis.",
        "本报告仅汇总已记录的数据，不构成诊断。",
    ),
}


WORDS = {**OVERVIEW_WORDS, **WORDS}


@lru_cache(maxsize=1)
def _labels() -> Mapping[tuple[str, str, str], tuple[str, str]]:
    with LABELS_FILE.open(encoding="utf-8", newline="") as file:
        return {
            (row["table_name"], row["column_name"], row["code"]): (row["label_en"], row["label_zh"])
            for row in csv.DictReader(file)
        }


@dataclass(frozen=True)
class Words:
    """One language's words and labels."""

    language: str

    def __call__(self, key: str) -> str:
        """The word of that key."""
        return self._pick(WORDS[key])

    def label(self, table: str, column: str, code: str | None) -> str:
        """A code's label; a code that the seed does not know shows as it is."""
        if code is None:
            return ""
        found = _labels().get((table, column, code))
        return self._pick(found) if found else code

    def measure(self, code: str) -> str:
        """A sign's name, for blood sugar with its situation."""
        measure = next(m for m in MEASURES if m.code == code)
        name = self(measure.column)
        if measure.situation is None:
            return name
        situation = self.label("health_vital_signs", "glucose_measurement_time", measure.situation)
        return (
            f"{name} ({situation.lower()})" if self.language == "en" else f"{name}（{situation}）"
        )

    def has(self, key: str) -> bool:
        """Whether there is a word of that key."""
        return key in WORDS

    def _pick(self, pair: tuple[str, str]) -> str:
        return pair[0] if self.language == "en" else pair[1]
