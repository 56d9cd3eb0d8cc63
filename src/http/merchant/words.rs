//! What the shop's page says, in both languages.

use crate::http::pages::words::words;

words! {
    /// All that the shop's page says in one language.
    ShopWords {
        tag: "en", "zh-Hans";
        other_language: "简体中文", "English";
        other_tag: "zh", "en";
        payment: "Payment", "收款登记";
        refund: "Refund", "退款";
        file: "Daily file", "上传文件";
        sign_in: "Sign in", "登录";
        sign_out: "Sign out", "退出";
        pin: "Shop PIN", "店铺密码";
        pin_hint: "The digits that the bank gave to the shop.", "银行发给店铺的数字密码。";
        pin_wrong: "That is not the PIN.", "密码不正确。";
        pin_locked: "Too many tries. Wait a moment, then try again.", "尝试次数过多，请稍后再试。";
        member: "Member number", "会员号";
        member_hint: "What the customer shows you.", "顾客出示的会员号。";
        member_wrong: "1 to 64 letters and digits, without spaces.", "请输入 1 至 64 位字母或数字，不含空格。";
        member_unknown: "This member is not known.", "没有这个会员。";
        gross: "Price before discount, in yuan", "优惠前金额（元）";
        gross_wrong: "An amount such as 12.50.", "请输入金额，例如 12.50。";
        discount: "Discount, in yuan", "优惠金额（元）";
        discount_hint: "Leave it empty if there was none.", "没有优惠请留空。";
        discount_wrong: "An amount such as 5.00, not more than the price.", "请输入金额，例如 5.00，不得超过原价。";
        scheme: "Discount scheme", "优惠方案";
        scheme_none: "none of these", "无";
        order: "Order number", "订单号";
        order_hint: "Leave it empty and one is made.", "留空则自动生成。";
        order_wrong: "1 to 128 letters and digits, without spaces.", "请输入字母或数字，不含空格。";
        order_taken: "This order is recorded already, with other content.", "该订单已登记，内容不同。";
        order_unknown: "No payment of this form has that order number.", "没有该订单号的收款记录。";
        amount: "Amount given back, in yuan", "退款金额（元）";
        amount_exceeds: "More than is left of the payment.", "超过可退金额。";
        send: "Record", "登记";
        give_back: "Refund", "退款";
        receipt: "Receipt", "回执";
        recorded: "Recorded", "已登记";
        points: "Points", "积分";
        paid: "Paid", "实付";
        refunded: "Given back", "已退款";
        time: "Time", "时间";
        why: "Why", "积分说明";
        next: "Next payment", "下一笔";
        sent_before: "This page was sent before, with other content. Open a new one.", "本页已提交过，内容不同，请重新打开。";
        not_now: "It cannot be recorded now. Try again in a moment.", "暂时无法登记，请稍后再试。";
        not_taken: "It could not be recorded. Check what you typed, or ask the bank.", "未能登记，请检查所填内容或咨询银行。";
        day_full: "The number of payments that was agreed for today is reached.", "今日登记已达约定上限。";
        mend: "Please correct what is marked.", "请更正标出的内容。";
        expired: "You were signed out. Sign in and send it again.", "登录已失效，请重新登录后再提交。";
        file_hint: "CSV, as agreed with the bank; up to 4 MB.", "与银行约定格式的 CSV 文件，不超过 4 MB。";
        file_wrong: "Choose a file and its day.", "请选择文件和日期。";
        day: "Day of the file", "文件日期";
        upload: "Upload", "上传";
        state: "State", "状态";
        state_waiting: "waiting", "等待处理";
        state_running: "being processed", "处理中";
        state_done: "done", "已完成";
        state_failed: "failed", "失败";
        file_failed: "The file could not be read. Check that it is the agreed file, or ask the bank.", "文件无法读取，请确认是约定格式的文件，或咨询银行。";
        refused: "This is not possible now", "暂时无法办理";
        closed: "This page is closed at the moment. Please ask the bank.", "本页面暂停使用，请联系银行。";
        no_page: "There is no such page.", "没有这个页面。";
        foreign_form: "This form cannot be accepted. Open the page here and fill it in again.", "无法接受该表单，请在本页重新打开并填写。";
        too_large: "The file is larger than 4 MB.", "文件超过 4 MB。";
        lines: "Lines", "行数";
        lines_recorded: "Recorded", "已登记";
        lines_before: "Recorded earlier", "此前已登记";
        lines_rejected: "Not taken", "未登记";
        look_again: "Look again", "刷新";
        poster_call: "Record a sale for points", "扫码登记，顾客得积分";
        poster_steps: "Scan with your phone, sign in with the shop PIN, type in the sale.", "用手机扫码，输入店铺密码，登记收款。";
        poster_care: "For shop staff. Keep the PIN to yourselves.", "仅供店员使用，请勿泄露密码。";
    }
}
