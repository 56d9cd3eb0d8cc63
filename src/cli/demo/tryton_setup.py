# Piped into trytond-console: what a bank would set up by hand before the first lead.
# A user without groups may do nothing, and a lead needs a company, a currency and an employee.
Group = pool.get('res.group')
User = pool.get('res.user')
Currency = pool.get('currency.currency')
Party = pool.get('party.party')
Company = pool.get('company.company')
Employee = pool.get('company.employee')

yuan, = Currency.create([{
    'name': 'Yuan Renminbi', 'code': 'CNY', 'numeric_code': '156', 'symbol': '¥', 'digits': 2,
}])
bank, manager = Party.create([{'name': 'Branch bank'}, {'name': 'Customer manager desk'}])
company, = Company.create([{'party': bank.id, 'currency': yuan.id}])
employee, = Employee.create([{'party': manager.id, 'company': company.id}])
admin, = User.search([('login', '=', 'admin')])
User.write([admin], {
    'groups': [('add', [group.id for group in Group.search([])])],
    'companies': [('add', [company.id])],
    'company': company.id,
    'employees': [('add', [employee.id])],
    'employee': employee.id,
})
transaction.commit()
print('SET UP')
