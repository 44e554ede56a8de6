#include "plugin.hpp"

TOMADA_PLUGIN(webhook::Plugin)
