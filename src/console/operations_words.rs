//! What the pages of operations and of partners say.

use crate::http::pages::words::{Language, words};
use crate::partner::{PartnerKind, Status};

words! {
    OperationsWords {
        operations: "Operations", "运维";
        queues: "Deliveries that wait", "待发送的消息";
        destination: "To", "发往";
        waiting: "Waiting", "待发送";
        given_up: "Given up", "已放弃";
        oldest: "Oldest", "最早";
        no_queue: "Nothing waits, and nothing was given up.", "没有待发送或已放弃的消息。";
        dead_letters: "Messages that were given up", "已放弃的消息";
        no_dead: "No message was given up.", "没有已放弃的消息。";
        no_dead_says: "What a CRM, a partner's webhook or the sender of notices would not take stands here, and can be sent again.", "CRM、合作方 Webhook 或通知渠道拒收的消息显示在这里，可重新发送。";
        message: "Message", "消息";
        queued: "Queued", "入队时间";
        attempts: "Attempts", "尝试次数";
        error: "Last error", "最近错误";
        again: "Send again", "重新发送";
        keys: "Keys", "密钥";
        key: "Key", "密钥";
        used_for: "Used for", "用途";
        state: "State", "状态";
        from: "From", "起用";
        until: "Until", "止用";
        sealing: "Personal data", "个人信息加密";
        index: "Index of phone numbers", "手机号索引";
        signing: "Receipts, heads and access tokens", "回执、链头与访问令牌签名";
        in_use: "in use", "使用中";
        opens_only: "opens what it sealed", "仅用于解密";
        finds_only: "finds what it indexed", "仅用于检索";
        next: "next", "待启用";
        ended: "ended", "已停用";
        always: "always", "一直";
        settings: "Settings in force", "生效设置";
        address: "Own address", "服务地址";
        zone: "Time zone of the programme", "时区";
        idle: "Console: a session ends without use after", "工作台会话闲置失效";
        longest: "Console: a session ends after", "工作台会话最长";
        fresh: "Console: whoever approves signed in within", "审批前登录时限";
        rate: "Requests a second of one person of staff", "单个员工每秒请求上限";
        unpacked: "Largest file once unpacked", "解压后文件上限";
        sandbox: "Books of partners on trial", "试用合作方账簿";
        apart: "apart from the real ones", "独立账簿";
        together: "the same as the real ones", "与正式账簿合用";
        version: "Version", "版本";
        minutes: "minutes", "分钟";

        ledger: "Ledger", "总账";
        ledger_says: "What the accounts of the bank and of the partners hold now. Customers' accounts are read by the stories of their events.", "银行与合作方各科目当前余额；客户账户请查看相应事件的全过程。";
        head: "The last block of the chain", "最新区块";
        block: "Block", "区块";
        transactions: "Transactions in the chain", "链上交易数";
        sealed_at: "Sealed at", "封印时间";
        no_accounts: "Nothing is booked yet.", "尚无账务。";
        accounts: "Accounts", "科目";
        balance: "Balance", "余额";
        happened: "Happened", "发生时间";
        entries: "Entries, the newest first", "分录（最新在前）";

        readings: "Readings", "查阅记录";
        readings_says: "Who read personal data, when and what for. What stands here is never changed.", "何人、何时、为何查看个人信息；记录不可更改。";
        as_file: "The newest as CSV", "下载最新记录（CSV）";
        only_of: "Only of", "仅限";
        no_readings: "Nobody has read any.", "暂无查阅记录。";
        who: "Who", "查阅人";
        what_for: "What for", "用途";
        whose: "Whose", "对象";
        the_person: "the person themselves", "本人";
        signed_request: "Signed request", "签名请求";

        partners: "Partners", "合作方";
        partners_says: "Who may send what, under which rules, and what it costs.", "合作方权限、规则与敞口。";
        kind: "Business", "行业";
        listed: "On the list", "名单期限";
        on_list_from: "from", "自";
        on_list_until: "until", "至";
        alarms: "Held", "搁置";
        frozen: "Frozen", "已冻结";
        open_breaks: "Open breaks", "待处理差错";
        none: "none", "无";
        id: "Id", "编号";
        may: "May", "权限";
        daily: "Events a day, at most", "每日事件上限";
        per_second: "Requests a second", "每秒请求";
        signs: "Requests are signed", "请求须签名";
        yes: "yes", "是";
        no: "no", "否";
        late: "Days late that an event may be", "事件最多迟到天数";
        conformance: "Conformance kit", "一致性测试";
        passed: "passed", "通过";
        failed: "failed", "未通过";
        never_run: "not run in the last 90 days", "近 90 天未运行";
        keys_of: "Keys that it signs with", "签名密钥";
        good_from: "Good from", "生效日";
        last_day: "Last day", "最后一日";
        for_ever: "no end", "无限期";
        ends_soon: "ends soon", "即将到期";
        is_over: "is over", "已过期";
        no_keys: "It has no key: it signs nothing.", "无密钥。";
        rules: "Rules as people read them", "规则说明";
        rule: "Rule", "规则";
        says: "What it says", "内容";
        in_force: "In force", "有效期";
        no_rules: "It has no rules: its events earn nothing.", "无规则，事件不产生权益。";
        limits: "Limits, and what is used of them", "限额与使用情况";
        limit: "Limit", "限额";
        used: "Used", "已用";
        most: "Most", "上限";
        period: "Period", "期间";
        no_limits: "No limit holds for all of its events.", "无适用于全部事件的限额。";
        waits: "What is held and waits for staff", "待人工处理的搁置事项";
        events: "Events", "事件数";
        since: "Since", "自";
        nothing_held: "Nothing of it is held.", "无搁置事项。";
        files: "Its last files", "最近文件";
        day: "Day", "日期";
        recorded: "Recorded", "已入账";
        before: "Known before", "此前已有";
        rejected: "Rejected", "拒收";
        no_files: "It sends no files, or none has come.", "未收到文件。";
        changes: "Changes of its manifest", "配置变更";
        change: "Change", "变更";
        cause: "Cause", "原因";
        outcome: "Outcome", "结果";
        taken_up: "taken up", "已生效";
        refused: "refused", "被拒绝";
        no_changes: "No change is recorded.", "无变更记录。";
        freeze: "Freeze", "冻结";
        freeze_says: "From now on all that it reports is held, what is reserved stays so, and nothing of it is payable, until the freeze is lifted.", "自即刻起其事件全部搁置，已预留权益保持预留，不得付款，直至解除冻结。";
        lift: "Lift the freeze", "解除冻结";
        lift_says: "What is held stays held until somebody decides on it; the rest is as it was.", "已搁置事项仍须逐一决定，其余恢复。";
        frozen_by: "Frozen by", "冻结人";
        because: "Why", "理由";
    }
}

pub const fn pick(
    language: Language,
    english: &'static str,
    chinese: &'static str,
) -> &'static str {
    match language {
        Language::English => english,
        Language::Chinese => chinese,
    }
}

pub const fn status_name(status: Status, language: Language) -> &'static str {
    match status {
        Status::Applied => pick(language, "Applied", "已申请"),
        Status::Listed => pick(language, "Listed", "已列入名单"),
        Status::Sandbox => pick(language, "On trial", "试用"),
        Status::Conformant => pick(language, "Conformant", "测试通过"),
        Status::Pilot => pick(language, "Pilot", "试点"),
        Status::Full => pick(language, "Full business", "正式"),
        Status::Suspended => pick(language, "Suspended", "已停用"),
        Status::Frozen => pick(language, "Leaving", "退出中"),
        Status::Drained => pick(language, "No hold open", "无未结冻结"),
        Status::Settled => pick(language, "Settled", "已结清"),
        Status::Closed => pick(language, "Left", "已退出"),
    }
}

pub const fn business_name(kind: PartnerKind, language: Language) -> &'static str {
    match kind {
        PartnerKind::Supermarket => pick(language, "Supermarket", "超市"),
        PartnerKind::NeighbourhoodShop => pick(language, "Neighbourhood shop", "社区店"),
        PartnerKind::TravelAgency => pick(language, "Travel agency", "旅行社"),
        PartnerKind::RenovationFirm => pick(language, "Renovation firm", "装修公司"),
        PartnerKind::RuralCooperative => pick(language, "Rural cooperative", "农村合作社"),
        PartnerKind::Bank => pick(language, "The bank itself", "本行"),
    }
}

/// What a scope of a partner's token allows; as it is written where we have no words for it.
pub fn scope_name(scope: &str, language: Language) -> String {
    let (english, chinese) = match scope {
        "events:write" => ("send events", "提交事件"),
        "events:read" => ("read its events", "查询事件"),
        "files:write" => ("send files", "提交文件"),
        "webhooks:manage" => ("have webhooks", "管理 Webhook"),
        "referrals:read" => ("read its referrals", "查询推荐"),
        "consents:write" => ("withdraw consents", "撤回同意"),
        "settlements:read" => ("read its settlements", "查询结算"),
        "settlements:answer" => ("answer about settlements", "答复结算"),
        "statements:write" => ("send statements", "提交对账单"),
        other => return other.to_owned(),
    };
    pick(language, english, chinese).to_owned()
}

/// By which rule something is held: a limit or pattern by its id.
pub fn hold_rule_name(rule: &str, language: Language) -> String {
    let (english, chinese) = match rule {
        "frozen" => ("the partner is frozen", "合作方已冻结"),
        "late" => ("too late", "迟到"),
        other => return other.to_owned(),
    };
    pick(language, english, chinese).to_owned()
}
