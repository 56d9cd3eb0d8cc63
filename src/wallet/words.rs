//! What the wallet says.

use crate::http::pages::words::words;

words! {
    WalletWords {
        tag: "en", "zh-Hans";
        other_tag: "zh", "en";
        other_name: "中文", "English";
        elder_mode: "Large type", "长辈版";
        standard_mode: "Standard type", "标准版";
        wallet: "My points", "我的积分";
        back: "Back", "返回";
        points: "points", "积分";
        worth: "worth", "价值";
        as_of: "as of", "截至";
        spend: "Spend points", "使用积分";
        nothing_to_spend: "Points that you earn will stand here. Show your member number at a partner's till to earn some.", "获得的积分将显示在这里。在合作商户结账时出示会员号即可获得积分。";
        lately: "Lately", "最近变动";
        all_history: "All history", "全部明细";
        history: "History", "积分明细";
        sorts: "Sorts of changes", "变动类型";
        sort_all: "All", "全部";
        sort_earned: "Earned", "获得";
        sort_spent: "Spent", "使用";
        sort_given_back: "Given and taken back", "退还与扣回";
        sort_expired: "Ended", "失效";
        no_lines: "No such change yet.", "暂无此类变动。";
        older: "Older", "更早";
        recorded: "Recorded", "记账时间";
        sign_out: "Sign out", "退出";
        skip: "Skip to the content", "跳到正文";
        bank: "Your bank", "银行";

        earned: "Earned", "消费得积分";
        refunded: "Taken back after a refund", "退款扣回";
        set_aside: "Set aside", "兑换冻结";
        spent: "Spent", "使用积分";
        free_again: "Free again", "解除冻结";
        given_back: "Given back", "积分退还";
        may_be_spent: "May be spent now", "积分到账";
        expired: "Ended", "积分失效";
        rewarded: "For a referral", "推荐奖励";
        reward_back: "Reward taken back", "推荐奖励收回";
        corrected: "Corrected by the bank", "银行调整";

        papers: "Consents and notices", "授权与通知";
        consents: "What you agreed to", "您的授权";
        no_consents: "You have agreed to nothing that passes your data on.", "您没有授权任何信息转交。";
        recipient: "Who gets the data", "信息接收方";
        given: "Given", "授权时间";
        withdrawn: "Withdrawn", "撤回时间";
        withdraw: "Withdraw …", "撤回…";
        withdraw_says: "From then on nothing more of you is passed on for this, and the bank's customer managers are told. Points that you earned stay yours. It cannot be undone here.", "撤回后不再为此转交您的信息，并通知客户经理。已获得的积分不受影响。此处不可恢复。";
        withdraw_now: "Withdraw my consent", "确认撤回";
        notices: "Notices", "通知";
        no_notices: "There are no notices in this programme.", "本计划没有通知。";
        notice_on: "You get it.", "已开启";
        notice_off: "You do not get it.", "已关闭";
        notice_required: "You get it, because law or contract requires it.", "法律或合同要求，必须发送";
        turn_off: "Turn off", "关闭";
        turn_on: "Turn on", "开启";
        points_expiring: "Points that end soon", "积分即将失效";
        points_redeemed: "Points that you spend", "积分使用";
        redemption_to_confirm: "A till that asks for your word", "待您确认的兑换";
        fee_due: "Fees that fall due", "费用到期";
        instalment_due: "Instalments that fall due", "分期还款到期";

        confirm: "Yes, it is me", "是我本人，确认";
        decline: "No, free the points", "不是我，退回积分";
        asked: "A till asks", "收银台申请";

        how_many: "How many points?", "使用多少积分？";
        how_many_hint: "The till takes no more than this.", "收银台最多使用这么多。";
        where_to: "Where?", "在哪里使用？";
        where_hint: "A code for one place is of no use to anybody elsewhere.", "指定商户后，此码在别处无效。";
        anywhere: "Any partner", "任一合作商户";
        make_code: "Show the code", "显示付款码";
        points_wrong: "Say how many points with at most two decimals, such as 500 or 12.50.", "请输入积分数，最多两位小数，例如 500 或 12.50。";
        codes_wait: "Ten codes wait to be used. Wait five minutes, until they are over.", "已有十个码待使用，请五分钟后再试。";
        show_this: "Show this at the till", "请向收银员出示";
        up_to: "Good for up to", "最多使用";
        the_code: "The code as a QR code", "付款码二维码";
        code_state: "What became of the code", "付款码状态";
        done: "Done", "完成";
        code_waits: "Waiting for the till", "等待收银台扫码";
        code_refused: "A till was refused: there may be too few points, or this is another place. You can try again.", "收银台未能使用：积分可能不足，或商户不符，可再试";
        code_used: "Used. The points are set aside or spent.", "已使用，积分已冻结或扣除。";
        code_void: "Void, because tills were refused three times. Make another code.", "已被拒绝三次，此码作废，请重新生成。";
        code_over: "Over. Make another code.", "已过期，请重新生成。";

        enter: "Open my points", "打开我的积分";
        enter_says: "Your bank's app has sent you here. Press the button to see your points in this browser.", "您从银行 App 跳转到此。点击按钮即可在本浏览器查看积分。";
        signed_out: "You have signed out", "您已退出";
        not_signed_in: "Not signed in", "尚未登录";
        come_by_the_app: "Open your bank's app and choose \"My points\" there. It brings you here.", "请打开银行 App，选择“我的积分”，即可进入本页面。";
        link_over: "This link is over", "链接已失效";
        link_over_says: "A link opens your points once, within a minute. Go back to your bank's app and choose \"My points\" again.", "链接仅可使用一次，一分钟内有效。请返回银行 App 重新选择“我的积分”。";
        refused: "That did not work", "未能完成";
        no_page: "There is no such page, or it is not yours.", "页面不存在，或不属于您。";
        foreign_form: "The page was open too long. Nothing was done: go back and try again.", "页面停留过久，操作未执行，请返回重试。";
        too_often: "That was too often in a short time. Wait a moment, and try again.", "操作过于频繁，请稍候再试。";
        answered_before: "Your answer came too late: this was answered before, or is over. Look at your history, and call the bank if that was not you.", "答复未生效：该申请此前已被答复或已结束。请查看积分明细；如非本人操作，请联系银行。";
        not_there: "Points cannot be spent at this place. Choose another.", "该商户不支持使用积分，请选择其他商户。";
        not_now: "That cannot be done now. Nothing was lost: try again in a minute.", "暂时无法完成，未造成任何损失，请稍后再试。";
        to_start: "To my points", "返回我的积分";
    }
}
