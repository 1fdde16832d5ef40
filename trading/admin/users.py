"""Users and groups in the look of the other pages."""

import django.contrib.auth.admin  # registers the pages replaced here
from django.contrib import admin
from django.contrib.auth.models import Group, User
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from trading.admin.base import ModelAdmin

admin.site.unregister([User, Group])


@admin.register(User)
class UserAdmin(django.contrib.auth.admin.UserAdmin[User], ModelAdmin[User]):
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ["username", "email", "is_active", "is_staff", "is_superuser", "last_login"]


@admin.register(Group)
class GroupAdmin(django.contrib.auth.admin.GroupAdmin, ModelAdmin[Group]):
    """A set of permissions with a name."""
