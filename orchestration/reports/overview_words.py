"""Words of the overview pages, English and Chinese; what a health report calls alike is there."""

from __future__ import annotations

from collections.abc import Mapping

from orchestration.settings import PLATFORM

# What pages call a domain: reports, and the data dictionary.
DOMAIN_LABELS: Mapping[str, tuple[str, str]] = {
    "core": ("Core platform", "核心平台"),
    "ai": ("AI agents", "AI 智能体"),
    "wework": ("WeCom messaging", "企业微信"),
    "health": ("Health management", "健康管理"),
    "business": ("Service business", "服务业务"),
    "customer": ("Customers", "客户管理"),
    PLATFORM: ("All domains", "跨域"),
}
OVERVIEW_WORDS: Mapping[str, tuple[str, str]] = {
    **DOMAIN_LABELS,
    "executive": ("The platform at a glance", "平台总览"),
    "all_tenants": ("All tenants", "全部租户"),
    "tenant": ("Tenant", "租户"),
    "last_closed_day": ("Last closed day", "最近完整日"),
    "seven_days": ("7 days", "近7天"),
    "thirty_days": ("30 days", "近30天"),
    "no_comparison": ("nothing before", "此前无数据"),
    "figures": ("Figures", "数据"),
    "pages": ("Pages", "页面"),
    # tiles and series
    "sent_messages": ("Messages sent", "发送消息"),
    "received_messages": ("Messages received", "接收消息"),
    "failed_messages": ("Messages failed", "发送失败"),
    "account_alerts": ("Account alerts", "账号告警"),
    "ai_requests": ("AI requests", "AI请求"),
    "ai_cost_cny": ("AI cost (CNY)", "AI费用（元）"),
    "ai_tokens": ("Tokens", "令牌"),
    "ai_conversations": ("Conversations", "AI会话"),
    "placed_orders": ("Orders placed", "下单数"),
    "cancelled_orders": ("Orders cancelled", "取消订单"),
    "revenue_cny": ("Revenue (CNY)", "收入（元）"),
    "api_calls": ("API calls", "API调用"),
    "successful_attempts": ("Signed in", "登录成功"),
    "failed_attempts": ("Failed", "登录失败"),
    "calls": ("Calls", "调用"),
    "failed_calls": ("Failed calls", "失败调用"),
    "cost_cny": ("Cost (CNY)", "费用（元）"),
    "response_seconds": ("Response (s)", "响应（秒）"),
    "success_pct": ("Success (%)", "成功率（%）"),
    # panels
    "messages": ("Messages a day", "每日消息"),
    "ai_a_day": ("AI requests a day", "每日AI请求"),
    "orders_a_day": ("Orders a day", "每日订单"),
    "revenue": ("Revenue a day (CNY)", "每日收入（元）"),
    "api": ("API calls a day", "每日API调用"),
    "quotas": ("Quota used, % of the limit", "配额使用率（%）"),
    "quotas_note": (
        "Of a resource with several periods, the fullest; 999.99 is any use of a limit of nothing.",
        "同一资源有多个周期时取最高者；999.99 表示限额为零而仍有使用。",
    ),
    "sign_ins": ("Sign-ins a day", "每日登录"),
    "alerts_by_level": ("Alerts of 90 days by level", "近90天告警（按级别）"),
    "ai_calls": ("Calls to platforms a day", "每日平台调用"),
    "ai_cost": ("Cost a day (CNY)", "每日费用（元）"),
    "ai_latency": ("Mean response time (s)", "平均响应时间（秒）"),
    "agents": ("The dearest agents of 30 days", "近30天费用最高的智能体"),
    "message_funnel": ("How far messages of 30 days got", "近30天消息漏斗"),
    "account_states": ("Hours of all accounts by state", "账号状态时长（小时）"),
    "message_hours": ("Messages of 30 days by hour", "近30天消息时段分布"),
    "account_alerts_by_type": ("Account alerts of 90 days", "近90天账号告警（按类型）"),
    "vital_signs": ("Vital signs of 90 days by age", "近90天生命体征（按年龄段）"),
    "vital_signs_note": (
        "Patients who agreed to sharing, in bands of five people or more; means of all readings.",
        "仅含同意数据共享的患者，且年龄段不少于五人；为全部测量的均值。",
    ),
    "health_alerts": ("Health alerts of 90 days", "近90天健康告警"),
    "health_alerts_note": (
        "Patients who agreed to sharing; a point hides fewer than five people.",
        "仅含同意数据共享的患者；涉及不足五人时以圆点代替。",
    ),
    "devices_by_type": ("Devices by kind", "设备（按类型）"),
    "order_funnel": ("How far orders of 90 days have come", "近90天订单漏斗"),
    "order_states": ("Orders of 90 days by state", "近90天订单（按状态）"),
    "campaigns": ("Campaigns that brought most", "收入最高的营销活动"),
    "campaigns_note": (
        "ROI: revenue for each yuan of discount.",
        "ROI：每一元优惠带来的收入。",
    ),
    "services": ("Services that brought most in 90 days", "近90天收入最高的服务"),
    "cohorts": ("Customers who come back, % by month", "客户留存（%）"),
    "cohorts_note": (
        "Rows are months of the first order; a point hides fewer than five people.",
        "每行为首单月份；不足五人时以圆点代替。",
    ),
    "rfm": ("Customers by recency and frequency", "客户RFM分布"),
    "rfm_note": (
        "R5 ordered lately, F5 often; a point stands for one to four customers.",
        "R5 为最近下单，F5 为下单最频繁；圆点表示一至四人。",
    ),
    "stages": ("Customers by lifecycle stage", "客户生命周期"),
    "overlaps": ("Segments with most in common", "重合度最高的客户分群"),
    # columns
    "day": ("Day", "日期"),
    "agent": ("Agent", "智能体"),
    "step": ("Step", "环节"),
    "share_pct": ("Of the first (%)", "占首环节（%）"),
    "weekday": ("Weekday", "星期"),
    "resolved_count": ("Resolved", "已解决"),
    "hours_to_resolve": ("Hours to resolve", "解决用时（小时）"),
    "patients": ("Patients", "患者"),
    "readings": ("Readings", "测量次数"),
    "abnormal_pct": ("Abnormal (%)", "异常（%）"),
    "devices": ("Devices", "设备"),
    "poor_devices": ("Rated poor", "评级差"),
    "orders": ("Orders", "订单"),
    "amount_cny": ("Amount (CNY)", "金额（元）"),
    "campaign": ("Campaign", "活动"),
    "discount_cny": ("Discount (CNY)", "优惠（元）"),
    "participants": ("Participants", "参与"),
    "roi": ("ROI", "ROI"),
    "service": ("Service", "服务"),
    "order_lines": ("Order lines", "订单行"),
    "cohort": ("First order", "首单月份"),
    "recency": ("Recency", "最近下单"),
    "stage": ("Stage", "阶段"),
    "customers": ("Customers", "客户数"),
    "segments": ("Segments", "分群"),
    "jaccard_pct": ("In common (%)", "重合度（%）"),
    "both_customers": ("Customers in both", "共同客户"),
    "other_states": ("Others", "其他"),
    # steps
    "written": ("Written", "已创建"),
    "sent": ("Sent", "已发送"),
    "delivered": ("Delivered", "已送达"),
    "read": ("Read", "已读"),
    "placed": ("Placed", "已下单"),
    "paid": ("Paid", "已支付"),
    "confirmed": ("Confirmed", "已确认"),
    "assigned": ("Assigned", "已分配"),
    "started": ("Started", "已开始"),
    "completed": ("Completed", "已完成"),
    **{
        f"weekday_{number}": pair
        for number, pair in enumerate(
            zip(
                ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
                ("周一", "周二", "周三", "周四", "周五", "周六", "周日"),
                strict=True,
            )
        )
    },
    "overview_note": (
        "Made from the marts alone. Days are closed business days in Asia/Shanghai; a change is "
        "against as many days before.",
        "数据均来自数据集市。日期为 Asia/Shanghai 的完整业务日；变化率与此前等长期间相比。",
    ),
}
